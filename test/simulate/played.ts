// A scenario played and read as a monitoring system would: gauges, rates, log lines, spans of a stretch of time.
import type { Attributes } from "@opentelemetry/api";
import type { ChangeEvent } from "../../src/model/change.ts";
import { formatMistake } from "../../src/model/yaml.ts";
import { parseScenario } from "../../src/simulate/scenario-file.ts";
import { createSimulation, type Simulation } from "../../src/simulate/simulation.ts";

export interface Played {
  readonly simulation: Simulation;
  /** Mean of all samples of a gauge; NaN if there is none. */
  gauge(name: string, where?: Attributes): number;
  /** What a counter (or a histogram's count) gained, over all series; resets counted as such. */
  gained(name: string, where?: Attributes): number;
  /** Mean of what a histogram observed. */
  mean(name: string, where?: Attributes): number;
  /** Samples of any kind. */
  samples(name: string, where?: Attributes): number;
  logs(pattern: RegExp): number;
  spans(name: RegExp, holds?: (span: { attributes: Attributes; status: { code: number } }) => boolean): number;
  /** How far the clocks of what was sent are ahead, at most, seconds. */
  readonly aheadSeconds: number;
  readonly changes: readonly ChangeEvent[];
}

interface Point {
  readonly at: number;
  readonly source: string;
  readonly attributes: Attributes;
  readonly value: number;
  readonly sum: number;
}

const startAt = 1_760_000_000_000;

export function scenarioText(
  faults: string,
  extra: { engine?: string; telemetry?: string; classes?: string } = {},
): string {
  return `
scenario: { id: table, seed: 11, duration: 900s }
engine: { replicas: 3, cold_start: 25s${extra.engine === undefined ? "" : `, ${extra.engine}`} }
workload: { source: azure-conv, scale: 1, classes: { ${extra.classes ?? "chat: .5, rag: .25, agent: .25"} }, span_ratio: 0.3 }
faults: [${faults}]
telemetry: { scrape: 5s, dcgm_csv: full${extra.telemetry === undefined ? "" : `, ${extra.telemetry}`} }
ground_truth: { mode: NONE }
`;
}

/** Plays `text` up to `toMs` and reads what was sent after `fromMs`. */
export function play(text: string, fromMs: number, toMs: number): Played {
  const parsed = parseScenario("table.yaml", text);
  if (!parsed.ok) throw new Error(parsed.mistakes.map(formatMistake).join("\n"));
  const simulation = createSimulation(parsed.value.scenario, { startAt });
  const points = new Map<string, Point[]>();
  const changes: ChangeEvent[] = [];
  const lines: string[] = [];
  const spans: { name: string; attributes: Attributes; status: { code: number } }[] = [];
  let ahead = 0;
  for (let t = Math.min(fromMs, 30_000); t <= toMs; t += 30_000) {
    const { recorded, changes: told } = simulation.advance(t);
    changes.push(...told);
    if (t <= fromMs) continue;
    for (const { body } of recorded.logs) lines.push(String(body));
    spans.push(...recorded.spans);
    for (const { data, replica } of recorded.metrics) {
      const source = `${replica} ${data.resource.attributes["service.instance.id"]}`;
      for (const { descriptor, dataPoints } of data.scopeMetrics.flatMap(({ metrics }) => metrics)) {
        const list = points.get(descriptor.name) ?? [];
        points.set(descriptor.name, list);
        for (const { endTime, attributes, value } of dataPoints) {
          const at = endTime[0] * 1000 + endTime[1] / 1e6 - startAt;
          ahead = Math.max(ahead, at - t);
          const scalar = typeof value === "number";
          list.push({
            at,
            source: `${source} ${JSON.stringify(attributes)}`,
            attributes: { ...attributes, source },
            value: scalar ? value : (value as { count: number }).count,
            sum: scalar ? value : ((value as { sum?: number }).sum ?? 0),
          });
        }
      }
    }
  }

  function find(name: string, where: Attributes = {}): readonly Point[] {
    const keys = Object.entries(where);
    return (points.get(name) ?? []).filter(({ attributes }) =>
      keys.every(([key, value]) =>
        key === "source" ? String(attributes[key]).includes(String(value)) : attributes[key] === value,
      ),
    );
  }

  function gain(name: string, where: Attributes | undefined, read: (point: Point) => number): number {
    const last = new Map<string, number>();
    let sum = 0;
    for (const point of find(name, where)) {
      const before = last.get(point.source);
      const now = read(point);
      if (before !== undefined) sum += now >= before ? now - before : now;
      last.set(point.source, now);
    }
    return sum;
  }

  return {
    simulation,
    gauge(name, where) {
      const found = find(name, where);
      return found.reduce((sum, { value }) => sum + value, 0) / found.length;
    },
    gained: (name, where) => gain(name, where, ({ value }) => value),
    mean: (name, where) => gain(name, where, ({ sum }) => sum) / gain(name, where, ({ value }) => value),
    samples: (name, where) => find(name, where).length,
    logs: (pattern) => lines.filter((line) => pattern.test(line)).length,
    spans: (name, holds = () => true) => spans.filter((span) => name.test(span.name) && holds(span)).length,
    aheadSeconds: ahead / 1000,
    changes,
  };
}
