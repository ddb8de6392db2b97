// Descriptions of series: rows of otel_metrics_series.
import { appendByte, appendWord, ensure, textSource } from "../model/columns/bytes.ts";
import { endArray } from "../model/columns/column.ts";
import { appendLow } from "../model/columns/dictionary.ts";
import { createTable } from "../model/columns/table.ts";
import { appendText } from "../model/columns/text.ts";
import { metricTypes, temporalities } from "../model/otel-schema.ts";
import { appendAttributes, endMapRow } from "./attributes.ts";
import { limits } from "./limits.ts";
import type { SeriesRows } from "./metric-rows.ts";
import { appendQuantiles, appendRuns } from "./point-parts.ts";
import type { Redactor } from "./privacy/redactor.ts";

const typeTexts = metricTypes.map(textSource);
const temporalityTexts = temporalities.map(textSource);

/** Rows of otel_metrics_series. */
export function createSeriesRows(redactor: Redactor): SeriesRows {
  const table = createTable("otel_metrics_series");
  const [date, metricName, seriesHash] = [table.plain("Date"), table.low("MetricName"), table.plain("SeriesHash")];
  const [serviceName, metricType, temporality] = [
    table.low("ServiceName"),
    table.low("MetricType"),
    table.low("Temporality"),
  ];
  const [isMonotonic, unit, scopeName] = [table.plain("IsMonotonic"), table.low("Unit"), table.plain("ScopeName")];
  const [scopeVersion, resourceSchemaUrl] = [table.low("ScopeVersion"), table.low("ResourceSchemaUrl")];
  const [scopeSchemaUrl, maps] = [
    table.low("ScopeSchemaUrl"),
    ["ResourceAttributes", "ScopeAttributes", "Attributes"].map((name) => redactor.column(table.map(name))),
  ];
  const [boundsOffsets, boundsColumn] = [table.offsets("ExplicitBounds"), table.plain("ExplicitBounds")];
  const [quantileOffsets, quantileColumn] = [table.offsets("Quantiles"), table.plain("Quantiles")];
  const [firstSeen, lastSeen] = [table.plain("FirstSeen"), table.plain("LastSeen")];

  return {
    table,
    append(request, metric, point, hash, ms) {
      const { wire, origin, tally } = request;
      const { source } = wire;
      const type = typeTexts[metric.type]!;
      const temporalityText = temporalityTexts[metric.temporality] ?? temporalityTexts[0]!;
      const day = Math.floor(ms / 86_400_000);
      ensure(date, 2);
      appendByte(date, day & 0xff);
      appendByte(date, day >> 8);
      appendLow(metricName, source, metric.name.start, metric.name.end, 0, limits.nameBytes);
      ensure(seriesHash, 8);
      appendWord(seriesHash, hash.low, hash.high);
      appendLow(serviceName, origin.service, origin.serviceText.start, origin.serviceText.end, 0, limits.nameBytes);
      appendLow(metricType, type, 0, type.length, 0, limits.nameBytes);
      appendLow(temporality, temporalityText, 0, temporalityText.length, 0, limits.nameBytes);
      ensure(isMonotonic, 1);
      appendByte(isMonotonic, metric.monotonic ? 1 : 0);
      appendLow(unit, source, metric.unit.start, metric.unit.end, 0, limits.nameBytes);
      appendText(scopeName, source, origin.scopeName.start, origin.scopeName.end, limits.nameBytes);
      appendLow(scopeVersion, source, origin.scopeVersion.start, origin.scopeVersion.end, 0, limits.nameBytes);
      appendLow(resourceSchemaUrl, source, origin.resourceSchema.start, origin.resourceSchema.end, 0, limits.nameBytes);
      appendLow(scopeSchemaUrl, source, origin.scopeSchema.start, origin.scopeSchema.end, 0, limits.nameBytes);
      [origin.resource, origin.scope, point.attributes].forEach((spans, i) => {
        appendAttributes(maps[i]!, wire, spans, tally);
        endMapRow(maps[i]!);
      });
      endArray(boundsOffsets, appendRuns(boundsColumn, wire, point.bounds));
      endArray(quantileOffsets, appendQuantiles(quantileColumn, undefined, wire, point.quantiles));
      for (const column of [firstSeen, lastSeen]) {
        ensure(column, 8);
        appendWord(column, (Math.floor(ms) % 4294967296) | 0, Math.floor(ms / 4294967296));
      }
      table.rows++;
    },
  };
}
