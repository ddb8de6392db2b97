// The series around an incident, as a service has them: canonical ones of what it touched, and those the catalogue asks for by name.
import type { Entity } from "../../model/entity.ts";
import type { FailureMode } from "../../model/failure-mode.ts";
import type { Labels } from "../../model/labels.ts";
import { METRIC_NAME } from "../../model/labels.ts";
import type { TimeRange } from "../../model/time.ts";
import { parseQuery } from "../../promql/parse.ts";
import type { Api } from "../api-client.ts";
import { userError } from "../command.ts";
import type { StoredSeries } from "./bundle.ts";

const canonical = "(llm|gpu|node|container|app):.+";
const minuteMs = 60_000;
const pointsMax = 3_000_000;
const entitiesMax = 300;

/** Raw points, oldest first. What the service refuses is told in `left`. Rejects with a user's error if there is far too much. */
export async function seriesAround(
  api: Api,
  entities: readonly Entity[],
  modes: readonly FailureMode[],
  { from, to }: TimeRange,
): Promise<{ readonly series: readonly StoredSeries[]; readonly left: readonly string[] }> {
  const range = `[${Math.ceil((to - from) / minuteMs)}m]`;
  const time = Math.ceil(to / 1000).toString();
  const series: StoredSeries[] = [];
  const left: string[] = [];
  let points = 0;
  const take = async (selector: string): Promise<void> => {
    const parameters = new URLSearchParams({ query: selector + range, time });
    let answer: Answer | undefined;
    try {
      answer = (await api.find(`/api/v1/query?${parameters}`)) as Answer | undefined;
    } catch (error) {
      left.push(`${selector}: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    for (const { metric, values } of answer?.data?.resultType === "matrix" ? (answer.data.result ?? []) : []) {
      points += values.length;
      if (points > pointsMax)
        throw userError(`there are more than ${pointsMax} points around it; it cannot be exported`);
      series.push(storedOf(metric, values));
    }
  };
  for (const { id } of entities.slice(0, entitiesMax))
    await take(`{__name__=~${JSON.stringify(canonical)},__name__!~".+_bucket",entity=${JSON.stringify(id)}}`);
  if (entities.length > entitiesMax) left.push(`series of ${entities.length - entitiesMax} entities more`);
  for (const name of namesOf(modes)) await take(`{__name__=${JSON.stringify(name)}}`);
  return { series, left };
}

function storedOf(labels: Labels, values: readonly (readonly [number, string])[]): StoredSeries {
  return {
    labels,
    times: values.map(([seconds]) => Math.round(seconds * 1000)),
    values: values.map(([, text]) => (Number.isFinite(Number(text)) ? Number(text) : text)),
  };
}

/** Names of series the catalogue asks for that are not canonical, or are buckets of one. */
function namesOf(modes: readonly FailureMode[]): readonly string[] {
  const names = new Set<string>();
  for (const { symptoms, discriminators } of modes) {
    for (const { source } of [...symptoms, ...discriminators]) {
      const query = source.kind === "expr" ? parseQuery(source.expr) : undefined;
      if (query !== undefined && !("errors" in query)) collect(query.root, names);
    }
  }
  const covered = new RegExp(`^${canonical}$`);
  return [...names].filter((name) => !covered.test(name) || name.endsWith("_bucket")).sort((a, b) => (a < b ? -1 : 1));
}

function collect(node: unknown, names: Set<string>): void {
  if (typeof node !== "object" || node === null) return;
  const { name, op, value } = node as { readonly name?: unknown; readonly op?: unknown; readonly value?: unknown };
  if (name === METRIC_NAME && op === "=" && typeof value === "string") names.add(value);
  for (const each of Object.values(node)) collect(each, names);
}

interface Answer {
  readonly data?: {
    readonly resultType?: string;
    readonly result?: readonly { readonly metric: Labels; readonly values: readonly (readonly [number, string])[] }[];
  };
}
