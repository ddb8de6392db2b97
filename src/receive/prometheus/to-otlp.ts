// Families of a scraped page as an OTLP metrics request, shaped as the OpenTelemetry Collector's prometheusreceiver shapes
// them: counter -> monotonic cumulative sum, gauge and untyped -> gauge, histogram and summary as such, `_created` as start
// time and not as a series, stale markers as points with "no recorded value".
import type { Labels } from "../../model/labels.ts";
import type { Exemplar, Family, Sample } from "./exposition.ts";
import { createProtoWriter, type ProtoWriter } from "./otlp-writer.ts";
import type { StartTimes } from "./start-times.ts";

const scopeName = "homeostat/prometheus";
const cumulative = 2;
const noRecordedValue = 1;

export interface ScrapedPage {
  readonly families: readonly Family[];
  readonly resource: Labels;
  /** Unix milliseconds of the scrape; a sample's own timestamp wins. */
  readonly atMs: number;
  readonly starts: StartTimes;
}

type LabelPairs = Sample["labels"];

/** Serialises an ExportMetricsServiceRequest (opentelemetry-proto 1.x, fields by number). */
export function pageToOtlp(page: ScrapedPage): Uint8Array {
  const writer = createProtoWriter(16_384);
  writer.message(1, () => {
    writer.message(1, () => {
      for (const [key, value] of Object.entries(page.resource)) attribute(writer, 1, key, value);
    });
    writer.message(2, () => {
      writer.message(1, () => writer.text(1, scopeName));
      for (const family of page.families) writeFamily(writer, family, page);
    });
  });
  return writer.finish();
}

function writeFamily(writer: ProtoWriter, family: Family, page: ScrapedPage): void {
  if (family.type === "histogram") writeHistogram(writer, family, page);
  else if (family.type === "summary") writeSummary(writer, family, page);
  else writeNumbers(writer, family, page);
}

function writeNumbers(writer: ProtoWriter, family: Family, page: ScrapedPage): void {
  const created = createdTimes(family);
  for (const [name, samples] of byName(family.samples)) {
    if (name.endsWith("_created")) continue;
    writer.message(2, () => {
      describe(writer, name, family);
      const monotonic = family.type === "counter";
      writer.message(monotonic ? 7 : 5, () => {
        for (const sample of samples) writePoint(writer, sample, page, monotonic, created);
        if (monotonic) {
          writer.flag(2, cumulative);
          writer.flag(3, 1);
        }
      });
    });
  }
}

function writePoint(
  writer: ProtoWriter,
  sample: Sample,
  page: ScrapedPage,
  monotonic: boolean,
  created: Created,
): void {
  const at = sample.timestampMs ?? page.atMs;
  writer.message(1, () => {
    if (monotonic)
      writer.nanos(
        2,
        page.starts.startOf(
          seriesKey(sample.name, sample.labels),
          at,
          sample.value,
          sample.startMs ?? created.get(seriesKey("", sample.labels)),
        ),
      );
    writer.nanos(3, at);
    if (isStale(sample.value)) writer.flag(8, noRecordedValue);
    else writer.double(4, sample.value);
    for (const exemplar of sample.exemplars ?? []) writeExemplar(writer, exemplar, at);
    for (const [key, value] of sample.labels) attribute(writer, 7, key, value);
  });
}

/** Labels that are no well-formed ids stay attributes: they may still lead a person somewhere. */
function writeExemplar(writer: ProtoWriter, { labels, value, timestampMs }: Exemplar, at: number): void {
  writer.message(5, () => {
    writer.nanos(2, timestampMs > 0 ? timestampMs : at);
    writer.double(3, value);
    for (const [key, text] of labels) {
      if (key === "trace_id" && /^[0-9a-f]{32}$/i.test(text)) writer.bytes(5, Buffer.from(text, "hex"));
      else if (key === "span_id" && /^[0-9a-f]{16}$/i.test(text)) writer.bytes(4, Buffer.from(text, "hex"));
      else attribute(writer, 7, key, text);
    }
  });
}

interface Buckets {
  readonly labels: LabelPairs;
  readonly bounds: { readonly le: number; readonly count: number }[];
  readonly quantiles: { readonly quantile: number; readonly value: number }[];
  sum: number;
  count: number;
  at: number | undefined;
  stale: boolean;
}

function writeHistogram(writer: ProtoWriter, family: Family, page: ScrapedPage): void {
  const created = createdTimes(family);
  const groups = grouped(family, "le");
  writer.message(2, () => {
    describe(writer, family.name, family);
    writer.message(9, () => {
      for (const [key, group] of groups) {
        const bounds = group.bounds.filter((b) => !Number.isNaN(b.le)).toSorted((a, b) => a.le - b.le);
        const finite = bounds.filter((bound) => bound.le !== Number.POSITIVE_INFINITY);
        const total = bounds.find((bound) => bound.le === Number.POSITIVE_INFINITY)?.count ?? group.count;
        const at = group.at ?? page.atMs;
        writer.message(1, () => {
          writer.nanos(2, page.starts.startOf(`${family.name}|${key}`, at, total, created.get(key)));
          writer.nanos(3, at);
          writer.fixed64(4, BigInt(Math.max(0, Math.round(finiteOr0(total)))));
          if (Number.isFinite(group.sum)) writer.double(5, group.sum);
          writer.packedFixed64(6, increments([...finite.map((b) => b.count), total]));
          writer.packedDoubles(
            7,
            finite.map((b) => b.le),
          );
          for (const [name, value] of group.labels) attribute(writer, 9, name, value);
          if (group.stale) writer.flag(10, noRecordedValue);
        });
      }
      writer.flag(2, cumulative);
    });
  });
}

function writeSummary(writer: ProtoWriter, family: Family, page: ScrapedPage): void {
  const created = createdTimes(family);
  writer.message(2, () => {
    describe(writer, family.name, family);
    writer.message(11, () => {
      for (const [key, group] of grouped(family, "quantile")) {
        const at = group.at ?? page.atMs;
        writer.message(1, () => {
          writer.nanos(2, page.starts.startOf(`${family.name}|${key}`, at, group.count, created.get(key)));
          writer.nanos(3, at);
          writer.fixed64(4, BigInt(Math.max(0, Math.round(finiteOr0(group.count)))));
          writer.double(5, finiteOr0(group.sum));
          for (const { quantile, value } of group.quantiles) {
            writer.message(6, () => {
              writer.double(1, quantile);
              writer.double(2, value);
            });
          }
          for (const [name, value] of group.labels) attribute(writer, 7, name, value);
          if (group.stale) writer.flag(8, noRecordedValue);
        });
      }
    });
  });
}

/** Samples of a histogram or summary by their labels without `special` (`le`, `quantile`). */
function grouped(family: Family, special: "le" | "quantile"): ReadonlyMap<string, Buckets> {
  const groups = new Map<string, Buckets>();
  for (const sample of family.samples) {
    if (sample.name.endsWith("_created")) continue;
    const labels = sample.labels.filter(([name]) => name !== special);
    const key = seriesKey("", labels);
    let group = groups.get(key);
    if (group === undefined) {
      group = { labels, bounds: [], quantiles: [], sum: Number.NaN, count: 0, at: undefined, stale: false };
      groups.set(key, group);
    }
    group.at = sample.timestampMs ?? group.at;
    group.stale ||= isStale(sample.value);
    const bound = sample.labels.find(([name]) => name === special)?.[1];
    if (sample.name === `${family.name}_sum`) group.sum = sample.value;
    else if (sample.name === `${family.name}_count`) group.count = sample.value;
    else if (bound !== undefined && special === "le") group.bounds.push({ le: toNumber(bound), count: sample.value });
    else if (bound !== undefined) group.quantiles.push({ quantile: toNumber(bound), value: sample.value });
  }
  return groups;
}

/** Cumulative counts to counts a bucket. A page read while it changed can fall a little: never below zero. */
function increments(cumulativeCounts: readonly number[]): number[] {
  let before = 0;
  return cumulativeCounts.map((count) => {
    const here = Math.max(finiteOr0(count), before);
    const increment = here - before;
    before = here;
    return increment;
  });
}

type Created = ReadonlyMap<string, number>;

/** Start times of `_created` samples, in Unix milliseconds, by the labels they are for. */
function createdTimes(family: Family): Created {
  const found = new Map<string, number>();
  for (const sample of family.samples) {
    if (sample.name.endsWith("_created") && sample.value > 0)
      found.set(seriesKey("", sample.labels), sample.value * 1000);
  }
  return found;
}

function byName(samples: readonly Sample[]): ReadonlyMap<string, readonly Sample[]> {
  const found = new Map<string, Sample[]>();
  for (const sample of samples) {
    const known = found.get(sample.name);
    if (known === undefined) found.set(sample.name, [sample]);
    else known.push(sample);
  }
  return found;
}

function describe(writer: ProtoWriter, name: string, family: Family): void {
  writer.text(1, name);
  writer.text(2, family.help);
  writer.text(3, family.unit);
}

function attribute(writer: ProtoWriter, field: number, key: string, value: string): void {
  writer.message(field, () => {
    writer.text(1, key);
    writer.message(2, () => {
      // An empty text must still be written: left out, the value would be of no kind at all.
      if (value === "") writer.bytes(1, new Uint8Array(0));
      else writer.text(1, value);
    });
  });
}

export function seriesKey(name: string, labels: LabelPairs): string {
  return `${name}{${labels
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join(",")}}`;
}

const bits = new DataView(new ArrayBuffer(8));

/** Prometheus's stale marker: one certain NaN. */
function isStale(value: number): boolean {
  if (!Number.isNaN(value)) return false;
  bits.setFloat64(0, value);
  return bits.getUint32(0) === 0x7ff00000 && bits.getUint32(4) === 2;
}

/** The value that says a series ended. */
export const staleNaN: number = (() => {
  bits.setUint32(0, 0x7ff00000);
  bits.setUint32(4, 2);
  return bits.getFloat64(0);
})();

function toNumber(text: string): number {
  return /^\+?inf$/i.test(text) ? Number.POSITIVE_INFINITY : Number(text);
}

function finiteOr0(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
