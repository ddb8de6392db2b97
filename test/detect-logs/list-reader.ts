// A reader of log lines that are pushed, and a watch over it.
import { createLogWatch } from "../../src/detect/logs/log-watch.ts";
import type { LogOrigin, LogPage, LogReader } from "../../src/model/ports/log-reader.ts";
import type { MadeSample } from "../../src/model/ports/series-sink.ts";
import { countingTelemetry } from "../observe/raw.ts";

export interface Line {
  readonly at: number;
  readonly text: string;
  readonly severity?: number;
  readonly service?: string;
  readonly host?: string;
  readonly tenant?: string;
}

/** Gives what was pushed, two lines a page. Fails while `broken`. */
export function listReader() {
  const lines: Line[] = [];
  const reader: LogReader & { broken: boolean; push(...more: readonly Line[]): void } = {
    broken: false,
    push: (...more) => void lines.push(...more),
    async logsAfter(cursor): Promise<LogPage> {
      if (reader.broken) throw new Error("the engine is away");
      const from = Number(cursor);
      const page = lines.slice(from, from + 2);
      const origins = page.map(
        ({ service = "vllm", host, tenant }): LogOrigin => ({
          service,
          resource: { "service.name": service, ...(host === undefined ? {} : { "host.name": host }) },
          ...(tenant === undefined ? {} : { tenant }),
        }),
      );
      return {
        records: page.length,
        at: Float64Array.from(page, ({ at }) => at),
        severity: Uint8Array.from(page, ({ severity = 0 }) => severity),
        origin: Int32Array.from(page.keys()),
        bodies: page.map(({ text }) => text),
        origins,
        cursor: String(from + page.length),
        more: from + page.length < lines.length,
      };
    },
  };
  return reader;
}

export function watchOver(reader: LogReader, snapshot?: Uint8Array) {
  const put: MadeSample[] = [];
  const telemetry = countingTelemetry();
  const watch = createLogWatch(
    { pagesPerTick: 1000, ...(snapshot === undefined ? {} : { snapshot }) },
    { reader, telemetry, sink: { put: (samples) => void put.push(...samples) } },
  );
  return { watch, put, telemetry };
}
