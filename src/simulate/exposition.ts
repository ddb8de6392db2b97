// A replica's /metrics page in the Prometheus text format 0.0.4, as vLLM serves it.
import type { Labels } from "../model/labels.ts";
import type { Instant } from "../model/time.ts";
import { engineLabels, families } from "./metrics.ts";
import type { Replica } from "./replica.ts";
import type { Scenario } from "./scenario.ts";

export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** The page as of the fleet's present virtual time `nowMs`; `startAt` is the Unix time of virtual time zero, in milliseconds. */
export function exposition(replica: Replica, scenario: Scenario, startAt: Instant, nowMs: number): string {
  const lines: string[] = [];
  const labels = engineLabels(scenario);
  for (const family of families) {
    lines.push(`# HELP ${family.name} ${family.help}`, `# TYPE ${family.name} ${family.kind}`);
    if (family.kind !== "histogram") {
      const epoch = family.moment === true ? startAt / 1000 : 0;
      for (const { labels: own, value } of family.samples(replica, scenario, nowMs))
        lines.push(row(family.name, own, epoch + value));
      continue;
    }
    const { bounds, counts, count, sum } = family.histogram(replica.engine.stats);
    let below = 0;
    for (let i = 0; i <= bounds.length; i++) {
      below += counts[i]!;
      const le = i === bounds.length ? "+Inf" : number(bounds[i]!);
      lines.push(row(`${family.name}_bucket`, { ...labels, le }, below));
    }
    lines.push(row(`${family.name}_count`, labels, count), row(`${family.name}_sum`, labels, sum));
  }
  return `${lines.join("\n")}\n`;
}

function row(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}{${pairs.join(",")}} ${number(value)}`;
}

/** Python prints floats with a fraction. */
function number(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
