// Recorded pages through the real service on a stepped clock: each comes in at the door at its own time.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSteppedClock } from "../../src/app/clock/stepped.ts";
import { Config } from "../../src/app/config-schema.ts";
import { startService } from "../../src/app/service.ts";
import { createTelemetry } from "../../src/app/telemetry.ts";
import type { Diagnosis, Incident } from "../../src/model/incident.ts";
import { parseExposition } from "../../src/receive/prometheus/exposition.ts";
import { createStartTimes } from "../../src/receive/prometheus/start-times.ts";
import { pageToOtlp } from "../../src/receive/prometheus/to-otlp.ts";
import type { RecordedPage } from "./recorded.ts";

export interface Played {
  /** Milliseconds of the recording at which incidents opened, in order. */
  readonly opened: readonly { readonly atMs: number; readonly incident: Incident }[];
  /** Everything thought, in order. */
  readonly diagnoses: readonly { readonly atMs: number; readonly diagnosis: Diagnosis }[];
}

const startAt = Date.UTC(2026, 0, 14, 12);
const tickMs = 5000;
/** What is seen late in a recording is told after it: an incident over at its end must be told of as well. */
const afterMs = 30_000;
const limits = { samplesMax: 100_000, labelsMax: 128, labelBytesMax: 4096 };

/** Plays `pages` with the GPU's beside the engine's, or without; the service is as it ships. Rejects if it does not take a page. */
export async function playPages(pages: readonly RecordedPage[], withGpu: boolean): Promise<Played> {
  const directory = mkdtempSync(join(tmpdir(), "homeostat-recorded-"));
  try {
    await using telemetry = createTelemetry({ level: "error", version: "0" });
    const clock = createSteppedClock(startAt);
    const config = Config.parse({
      dataDirectory: directory,
      store: {
        retentionDays: { traces: "forever", logs: "forever", metrics: "forever", own: "forever" },
        diskFloorMib: 0,
      },
      receive: { httpPort: 0, grpcPort: -1, anyTime: true },
      show: { port: 0 },
      detect: { learned: false },
    });
    await using service = await startService(config, { clock, telemetry });
    const opened: { atMs: number; incident: Incident }[] = [];
    const diagnoses: { atMs: number; diagnosis: Diagnosis }[] = [];
    const known = new Set<string>();
    const feed: { follow(listener: (event: { type: string; data: object }) => void): () => void } = service.feed;
    feed.follow(({ type, data }) => {
      const atMs = clock.now() - startAt;
      if (type === "incident" && !known.has((data as Incident).id)) {
        known.add((data as Incident).id);
        opened.push({ atMs, incident: data as Incident });
      }
      if (type === "diagnosed") diagnoses.push({ atMs, diagnosis: data as Diagnosis });
    });
    const starts = { engine: createStartTimes(10_000), gpu: createStartTimes(10_000) };
    const send = async (kind: "engine" | "gpu", { atMs, ...texts }: RecordedPage): Promise<void> => {
      const { families } = parseExposition(texts[kind], limits);
      const service_name = kind === "engine" ? "vllm" : "dcgm-exporter";
      const port = kind === "engine" ? 8000 : 9400;
      const resource = { "service.name": service_name, "service.instance.id": `one:${port}`, "host.name": "one" };
      const body = pageToOtlp({ families, resource, atMs: startAt + atMs, starts: starts[kind] });
      const headers = { "content-type": "application/x-protobuf" };
      const answer = await fetch(`${service.otlpUrl}/v1/metrics`, { method: "POST", headers, body });
      if (!answer.ok) throw new Error(`a page was answered with ${answer.status}: ${await answer.text()}`);
    };
    const endMs = (pages.at(-1)?.atMs ?? 0) + afterMs;
    let next = 0;
    for (let atMs = tickMs; atMs <= endMs; atMs += tickMs) {
      for (; next < pages.length && pages[next]!.atMs <= atMs; next++) {
        await send("engine", pages[next]!);
        if (withGpu && pages[next]!.gpu !== "") await send("gpu", pages[next]!);
      }
      await service.store.flushed();
      await clock.step(startAt + atMs);
    }
    return { opened, diagnoses };
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
