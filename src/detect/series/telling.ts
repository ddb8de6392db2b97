// Sentences about series that no catalogue knows.
import type { Evidence } from "../../model/evidence.ts";
import { type Labels, METRIC_NAME } from "../../model/labels.ts";
import type { SeriesFacts } from "../../model/ports/series-steps.ts";
import type { Instant } from "../../model/time.ts";
import type { Band } from "./block.ts";

/** Labels that say who it is about, which the sentence says already, or that say nothing to people. */
const said = new Set([METRIC_NAME, "entity", "parent", "job", "instance", "engine"]);
const labelsMax = 4;

/** `queue_depth{shard="s3"} of vllm-2 is 74; 3 to 9 is normal for it.` */
export function tellSeries(
  facts: SeriesFacts,
  labels: Labels,
  observed: number,
  expected: Band,
  at: Instant,
): Evidence {
  const own = Object.entries(labels).filter(
    ([name]) => !said.has(name) && !/^(service|k8s|host|deployment)_/.test(name),
  );
  const set = own.slice(0, labelsMax).map(([name, value]) => `${name}=${JSON.stringify(value.slice(0, 60))}`);
  const name = `${labels[METRIC_NAME] ?? "a series"}${set.length === 0 ? "" : `{${set.join(", ")}}`}`;
  const reading = facts.reading === "rate" ? " a second" : "";
  const of = facts.entity.slice(facts.entity.indexOf(":") + 1);
  const normal = Number.isNaN(expected.low)
    ? ""
    : `; ${number(expected.low)} to ${number(expected.high)} is normal for it`;
  return {
    kind: "anomaly",
    says: `${name} of ${of} is ${number(observed)}${reading}${normal}.`,
    at,
    entity: facts.entity,
    subject: labels[METRIC_NAME] ?? "",
    observed,
    expected,
  };
}

function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : String(value);
}
