// A small fleet on paper: canonical series of three replicas, and the anomalies a detector would report of them.
import { readdirSync, readFileSync } from "node:fs";
import { createDiagnosis, type Diagnose, type DiagnosisOutput } from "../../src/diagnose/diagnose.ts";
import { loadFailureModes } from "../../src/diagnose/failure-modes.ts";
import type { Alert, Anomaly } from "../../src/model/anomaly.ts";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { CodeHistory } from "../../src/model/ports/code-history.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type SignalId, signalOf } from "../../src/model/signal.ts";
import { deployment, memoryChanges, memoryLogs, memorySeries, replica } from "./memory-sources.ts";

export const stepMs = 5000;
export const start = Date.UTC(2026, 0, 5, 12);

const folder = new URL("../../rules/failure-modes/", import.meta.url);
const files = readdirSync(folder).map((name) => ({ name, text: readFileSync(new URL(name, folder), "utf8") }));
export const { modes, mistakes } = loadFailureModes(files);

export type Values = Readonly<Record<SignalId, number>>;
export const healthy: Values = {
  ttft: 0.3,
  itl: 0.02,
  running: 12,
  waiting: 0,
  kv_usage: 0.5,
  generated_tokens: 600,
  prompt_tokens: 5000,
  preemptions: 0,
  finished: 4,
};

export interface World {
  readonly diagnose: Diagnose;
  readonly source: ReturnType<typeof memorySeries>;
  readonly changes: ReturnType<typeof memoryChanges>;
  /** Goes on for `ms`; `values` says how a replica is doing now (null = no telemetry at this step). */
  run(ms: number, how?: How): Promise<Pick<DiagnosisOutput, "incidents" | "diagnoses">>;
  at(): number;
}

export interface How {
  readonly values?: (name: string, at: number) => Partial<Values> | null;
  /** Active all the time; `ended` tells their end once. */
  readonly anomalies?: readonly Anomaly[];
  readonly alerts?: readonly Alert[];
  readonly version?: (name: string) => string;
}

export const replicas = ["vllm-0", "vllm-1", "vllm-2"];

export function world(changes: readonly ChangeEvent[] = [], code?: CodeHistory): World {
  const source = memorySeries();
  const log = memoryChanges(changes);
  const diagnose = createDiagnosis(modes, {
    source,
    changes: log,
    logs: memoryLogs(),
    telemetry: silentTelemetry,
    ...(code === undefined ? {} : { code }),
  });
  let at = start;
  return {
    diagnose,
    source,
    changes: log,
    at: () => at,
    async run(ms, { values, anomalies = [], alerts = [], version = () => "1" } = {}) {
      const seen: { incidents: DiagnosisOutput["incidents"]; diagnoses: DiagnosisOutput["diagnoses"] } = {
        incidents: [],
        diagnoses: [],
      };
      for (const end = at + ms; at < end; at += stepMs) {
        for (const name of replicas) {
          const now = values === undefined ? {} : values(name, at);
          if (now === null) continue;
          for (const [signal, value] of Object.entries({ ...healthy, ...now })) {
            const { metric } = signalOf(signal as SignalId);
            const labels = { __name__: metric, entity: `replica:${name}`, parent: deployment, version: version(name) };
            source.add(labels, at, value);
          }
        }
        const known = anomalies.filter(({ onset }) => onset <= at).map((one) => ({ ...one, lastSeen: at }));
        const out = await diagnose.step({ at, anomalies: known, alerts, entities: replicas.map(replica) });
        seen.incidents = [...seen.incidents, ...out.incidents];
        seen.diagnoses = [...seen.diagnoses, ...out.diagnoses];
      }
      return seen;
    },
  };
}

export function anomaly(
  name: string,
  signal: Anomaly["signal"],
  direction: "up" | "down",
  onset: number,
  observed = 1,
): Anomaly {
  return {
    id: `${name}-${signal}-${onset}`,
    entity: `replica:${name}`,
    signal,
    onset,
    lastSeen: onset,
    tail: 1e-7,
    direction,
    shape: signal === "joint" ? "joint" : "level-shift",
    observed,
    expected: { low: 0, high: 0.5 },
    detector: "test",
    evidence: [],
  };
}

export function ended(one: Anomaly, at: number): Anomaly {
  return { ...one, endedAt: at };
}

export function change(
  kind: ChangeEvent["kind"],
  target: string,
  at: number,
  summary = `${kind} of ${target}`,
): ChangeEvent {
  return { id: `${kind}-${at}`, at, kind, target, summary };
}

/** How long a fleet is well before anything happens. */
export const calmMs = 15 * 60_000;
export const t0 = start + calmMs;
export const only = (bad: string, values: Partial<Values>) => (name: string) => (name === bad ? values : {});

export const saturated: Partial<Values> = {
  kv_usage: 0.99,
  preemptions: 2,
  waiting: 20,
  ttft: 5,
  running: 30,
  generated_tokens: 500,
};
export const saturation: How = {
  values: only("vllm-1", saturated),
  anomalies: [
    anomaly("vllm-1", "kv_usage", "up", t0 + 5000, 0.99),
    anomaly("vllm-1", "ttft", "up", t0 + 10_000, 5),
    anomaly("vllm-0", "running", "up", t0 + 15_000, 20),
  ],
};
