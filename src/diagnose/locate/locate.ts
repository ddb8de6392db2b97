// Where among services that call each other a departure began: ranked entities, or that all is as usual.
import { type Blame, blame } from "./blame.ts";
import { callGraph } from "./call-graph.ts";
import { type Course, type Departure, type Measure, measure } from "./departure.ts";

export interface LocateQuestion {
  readonly measure: Measure;
  readonly entities: readonly string[];
  /** A pair of indexes into `entities` a call: caller, callee. */
  readonly calls: Int32Array;
  /** One an entity, in their order; undefined where nothing is measured. */
  readonly courses: readonly (Course | undefined)[];
  /** Index of the entity whose departure is to be explained. */
  readonly target: number;
}

export interface LocateOptions {
  /** Deviations by which an entity has to have departed to be named. */
  readonly zMin?: number;
  /** Share of all that reached the target below which an entity is not named. */
  readonly shareMin?: number;
}

export interface Suspect {
  readonly entity: string;
  /** Share of the weight of all suspects; they add up to 1. */
  readonly score: number;
  readonly departure: Departure;
  /** Excess that the entities it calls do not explain (s, or failed requests), and how many deviations that is. */
  readonly own: number;
  readonly z: number;
  /** Share of what reached the target that is this entity's own. */
  readonly share: number;
  /** From the target to this entity. */
  readonly path: readonly string[];
}

export interface Location {
  /** `normal`: nothing that could be named departed. `unknown`: the target cannot be judged, `says` tells why. */
  readonly verdict: "located" | "normal" | "unknown";
  readonly says: string;
  /** Likeliest first. */
  readonly suspects: readonly Suspect[];
  /** Entities among those the target calls that could not be judged. */
  readonly unjudged: readonly { readonly entity: string; readonly why: string }[];
  /** Calls left out because they name no entity. */
  readonly ignoredCalls: number;
}

export const locateDefaults = { zMin: 4, shareMin: 0.05 } as const satisfies Required<LocateOptions>;

/**
 * Ranks the entities on the target's call graph by how much of their own they added to what the target lost, times how sure
 * it is that they departed at all. Says "normal" when none departed for sure.
 */
export function locate(question: LocateQuestion, options: LocateOptions = {}): Location {
  const { zMin, shareMin } = { ...locateDefaults, ...options };
  const { entities, courses, target } = question;
  if (entities[target] === undefined) return unknown(`the target ${target} is none of ${entities.length} entities`);
  const graph = callGraph(entities.length, question.calls, target);
  const departures: (Departure | undefined)[] = entities.map(() => undefined);
  const unjudged: { entity: string; why: string }[] = [];
  for (const node of graph.reached) {
    const course = courses[node];
    const found = course === undefined ? { why: "nothing is measured of it" } : measure(course, question.measure);
    if ("departure" in found) departures[node] = found.departure;
    else unjudged.push({ entity: entities[node]!, why: found.why });
  }
  if (departures[target] === undefined) {
    const why = unjudged.find(({ entity }) => entity === entities[target])?.why ?? "";
    return { ...unknown(`${entities[target]} cannot be judged: ${why}`), unjudged, ignoredCalls: graph.ignored };
  }
  const blames = blame(graph, departures);
  let reaching = 0;
  for (const one of blames.values()) reaching += Math.max(0, one.reaching);
  const named = [...blames]
    .map(([node, one]) => suspect(entities, node, departures[node]!, one, reaching))
    .filter(({ z, share }) => z >= zMin && share >= shareMin);
  const weight = (one: Suspect): number => one.z * one.share;
  const total = named.reduce((sum, one) => sum + weight(one), 0);
  const suspects = named
    .map((one) => ({ ...one, score: weight(one) / total }))
    .sort((a, b) => b.score - a.score || (a.entity < b.entity ? -1 : 1));
  return {
    verdict: suspects.length === 0 ? "normal" : "located",
    says: suspects.length === 0 ? `nothing that ${entities[target]} depends on left its normal operation` : "",
    suspects,
    unjudged,
    ignoredCalls: graph.ignored,
  };
}

function suspect(
  entities: readonly string[],
  node: number,
  departure: Departure,
  { own, ownDeviation, reaching, path }: Blame,
  all: number,
): Suspect {
  return {
    entity: entities[node]!,
    score: 0,
    departure,
    own,
    z: Math.min(departure.z, own / ownDeviation),
    share: all > 0 ? Math.max(0, reaching) / all : 0,
    path: path.map((index) => entities[index]!),
  };
}

function unknown(says: string): Location {
  return { verdict: "unknown", says, suspects: [], unjudged: [], ignoredCalls: 0 };
}
