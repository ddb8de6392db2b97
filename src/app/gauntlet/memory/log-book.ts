// Log records of a simulated fleet as detection reads and diagnosis searches them.
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { LogOrigin, LogReader } from "../../../model/ports/log-reader.ts";
import type { LogRecord, LogSource } from "../../../model/ports/log-source.ts";
import { labelsOf, msOf } from "./metric-pages.ts";

export interface LogBook extends LogReader, LogSource {
  add(records: readonly ReadableLogRecord[]): void;
}

export function createLogBook(): LogBook {
  const book: LogRecord[] = [];
  let read = 0;
  return {
    add(records) {
      for (const { hrTime, severityNumber = 0, body, resource, attributes } of records) {
        const labels = labelsOf(resource.attributes);
        const service = labels["service.name"] ?? "";
        const said = labelsOf((attributes ?? {}) as Parameters<typeof labelsOf>[0]);
        book.push({
          at: msOf(hrTime),
          service,
          severity: severityNumber,
          body: String(body),
          resource: labels,
          attributes: said,
        });
      }
    },
    logsAfter() {
      const records = book.slice(read);
      read = book.length;
      const origins: LogOrigin[] = records.map(({ service, resource }) => ({ service, resource }));
      return Promise.resolve({
        records: records.length,
        at: Float64Array.from(records, ({ at }) => at),
        severity: Uint8Array.from(records, ({ severity }) => severity),
        origin: Int32Array.from(records, (_, i) => i),
        bodies: records.map(({ body }) => body),
        origins,
        cursor: String(read),
        more: false,
      });
    },
    search({ contains, range, limit }) {
      const texts = typeof contains === "string" ? [contains] : contains;
      const counts = new Map<string, number>();
      const found = book.filter(({ at }) => at >= range.from && at < range.to).toSorted((a, b) => b.at - a.at);
      return Promise.resolve(
        found.filter(({ body }) => {
          const text = texts.find((one) => body.includes(one));
          if (text === undefined) return false;
          counts.set(text, (counts.get(text) ?? 0) + 1);
          return counts.get(text)! <= limit;
        }),
      );
    },
  };
}
