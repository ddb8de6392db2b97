// Sentences about any series in memory.
import type { Evidence } from "../../model/evidence.ts";
import { type Labels, METRIC_NAME } from "../../model/labels.ts";
import type { SeriesFacts } from "../../model/ports/series-steps.ts";
import { signalOfMetric } from "../../model/signal.ts";
import type { Instant } from "../../model/time.ts";
import { levelSentence, number } from "../telling.ts";
import type { Band } from "./block.ts";

/** Labels that say who it is about, which the sentence says already, or that say nothing to people. */
const said = new Set([METRIC_NAME, "entity", "parent", "job", "instance", "engine"]);
const labelsMax = 4;

/** `queue_depth{shard="s3"} of vllm-2 is 74; 3 to 9 is normal for it.` A canonical series is told by its title and unit. */
export function tellSeries(
  facts: SeriesFacts,
  labels: Labels,
  observed: number,
  expected: Band,
  at: Instant,
): Evidence {
  const metric = labels[METRIC_NAME] ?? "";
  const of = facts.entity.slice(facts.entity.indexOf(":") + 1);
  const canonical = signalOfMetric(metric);
  const says =
    canonical === undefined
      ? sentenceOf(facts, labels, of, observed, expected)
      : levelSentence(canonical, of, observed, expected);
  return { kind: "anomaly", says, at, entity: facts.entity, subject: metric, observed, expected };
}

function sentenceOf({ reading }: SeriesFacts, labels: Labels, of: string, observed: number, expected: Band): string {
  const own = Object.entries(labels).filter(
    ([name]) => !said.has(name) && !/^(service|k8s|host|deployment)_/.test(name),
  );
  const set = own.slice(0, labelsMax).map(([name, value]) => `${name}=${JSON.stringify(value.slice(0, 60))}`);
  const name = `${labels[METRIC_NAME] ?? "a series"}${set.length === 0 ? "" : `{${set.join(", ")}}`}`;
  const each = reading === "rate" ? " a second" : "";
  const normal = Number.isNaN(expected.low)
    ? ""
    : `; ${number(expected.low)} to ${number(expected.high)} is normal for it`;
  return `${name} of ${of} is ${number(observed)}${each}${normal}.`;
}
