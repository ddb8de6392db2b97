// Where among services that call each other a departure began: ranked entities, or that all is as usual.
import { blame } from "./blame.ts";
import { type CallGraph, callGraph } from "./call-graph.ts";
import { type Course, type Departure, firstRows, type Measure, measure } from "./departure.ts";

export interface LocateQuestion {
  readonly measure: Measure;
  readonly entities: readonly string[];
  /** A pair of indexes into `entities` a call: caller, callee. */
  readonly calls: Int32Array;
  /** One an entity, in their order, their `during` rows at the same times; undefined where nothing is measured. */
  readonly courses: readonly (Course | undefined)[];
  /** Index of the entity whose departure is to be explained. */
  readonly target: number;
}

export interface LocateOptions {
  /** Deviations by which some entity has to have departed over the whole incident for anything to be said. */
  readonly zMin?: number;
  /** Deviations from which an entity is named beside it. The target itself was chosen for its departure: it needs `zMin`. */
  readonly zNamed?: number;
  /** Deviations beyond which a departure is no surer. */
  readonly zSure?: number;
  /** Share of all that reached the target below which an entity is not named. */
  readonly shareMin?: number;
}

export interface Suspect {
  readonly entity: string;
  /** Share of the weight of all suspects; they add up to 1. */
  readonly score: number;
  readonly departure: Departure;
  /** Excess that the entities it calls do not explain (s, or failed requests). */
  readonly own: number;
  /** Deviations by which it departed, or by which its own excess did if these are fewer. */
  readonly z: number;
  /** Share of what reached the target that is this entity's own. */
  readonly share: number;
  /** From the target to this entity. */
  readonly path: readonly string[];
}

type Unranked = Omit<Suspect, "score" | "path"> & { path(): readonly string[] };

export interface Location {
  /** `normal`: nothing that can be named departed. `unknown`: the target cannot be judged, `says` tells why. */
  readonly verdict: "located" | "normal" | "unknown";
  readonly says: string;
  /** Likeliest first; none unless located. */
  readonly suspects: readonly Suspect[];
  /** Entities the target depends on that could not be judged. */
  readonly unjudged: readonly { readonly entity: string; readonly why: string }[];
  /** Calls left out because they name no entity. */
  readonly ignoredCalls: number;
}

export const locateDefaults = {
  zMin: 4,
  zNamed: 2,
  zSure: 8,
  shareMin: 0.05,
} as const satisfies Required<LocateOptions>;

/** A departure of one row may be a spike; it may also have begun in the middle of the first row. */
const lastingRowsMin = 2;

/**
 * Ranks the entities on the target's call graph by how much of their own they added to what the target lost, times how sure
 * it is that they departed at all. Says "normal" when none departed for sure in the mean over the whole incident; the
 * ranking is then made on its rows up to the target's recovery.
 *
 * Blind to causes outside of the call graph, to entities that fell silent, and to a cause whose like is usual. Two causes
 * at once are both named, with the shares they added.
 */
export function locate(question: LocateQuestion, options: LocateOptions = {}): Location {
  const { zMin, zNamed, zSure, shareMin } = { ...locateDefaults, ...options };
  const { entities, target } = question;
  const name = entities[target];
  if (name === undefined) {
    return unknown(`no entity has the target's index ${target}: give one from 0 to ${entities.length - 1}`, [], 0);
  }
  const graph = callGraph(entities.length, question.calls, target);
  const { departures, unjudged } = departuresOf(question, graph, Number.POSITIVE_INFINITY);
  if (departures[target] === undefined) {
    const why = unjudged.find(({ entity }) => entity === name)?.why;
    return unknown(`${name} cannot be judged: ${why}`, unjudged, graph.ignored);
  }
  const known = { unjudged, ignoredCalls: graph.ignored };
  const whole = suspectsOf(entities, graph, departures);
  if (!whole.some(({ z, share }) => z >= zMin && share >= shareMin)) {
    const says = `neither ${name} nor what it calls left normal operation by ${zMin} deviations of its own`;
    return { verdict: "normal", says, suspects: [], ...known };
  }
  const rows = lastingRows(question);
  const named = suspectsOf(entities, graph, departuresOf(question, graph, rows).departures).filter(
    ({ entity, z, share }) => z >= (entity === name ? zMin : zNamed) && share >= shareMin,
  );
  const weight = ({ z, share }: Unranked): number => share * Math.min(z, zSure);
  const total = named.reduce((sum, one) => sum + weight(one), 0);
  const suspects = named
    .map((one): Suspect => ({ ...one, path: one.path(), score: weight(one) / total }))
    .sort((a, b) => b.score - a.score || (a.entity < b.entity ? -1 : 1));
  const top = suspects[0];
  if (top === undefined) {
    return { verdict: "normal", says: `what departed did not last as long as ${name} did`, suspects, ...known };
  }
  const says = `${percent(top.score)} of the evidence is that what ${name} shows began at ${top.entity}`;
  return { verdict: "located", says, suspects, ...known };
}

function departuresOf(
  { entities, courses, measure: kind }: LocateQuestion,
  graph: CallGraph,
  rows: number,
): {
  readonly departures: readonly (Departure | undefined)[];
  readonly unjudged: { readonly entity: string; readonly why: string }[];
} {
  const departures: (Departure | undefined)[] = entities.map(() => undefined);
  const unjudged: { entity: string; why: string }[] = [];
  for (const node of graph.reached) {
    const course = courses[node];
    const found = course === undefined ? { why: "nothing is measured of it" } : measure(firstRows(course, rows), kind);
    if ("departure" in found) departures[node] = found.departure;
    else unjudged.push({ entity: entities[node]!, why: found.why });
  }
  return { departures, unjudged };
}

/** How many rows the target's departure lasted: those over which its excess is largest for independent noise. */
function lastingRows({ courses, target, measure: kind }: LocateQuestion): number {
  const course = courses[target]!;
  const length = course.during.values.length;
  let most = Number.NEGATIVE_INFINITY;
  let rows = length;
  for (let count = Math.min(lastingRowsMin, length); count <= length; count++) {
    const found = measure(firstRows(course, count), kind);
    if (!("departure" in found)) continue;
    const height = found.departure.excess / Math.sqrt(count);
    if (height <= most) continue;
    most = height;
    rows = count;
  }
  return rows;
}

/** Every judged entity, unranked. */
function suspectsOf(
  entities: readonly string[],
  graph: CallGraph,
  departures: readonly (Departure | undefined)[],
): readonly Unranked[] {
  const blames = blame(graph, departures);
  let reaching = 0;
  for (const one of blames.of.values()) reaching += Math.max(0, one.reaching);
  return [...blames.of].map(([node, { own, reaching: part }]) => {
    const departure = departures[node]!;
    return {
      entity: entities[node]!,
      departure,
      own,
      // An entity's noise has that of its callees in it: its own excess is no noisier than the whole.
      z: Math.min(departure.z, own / departure.excessDeviation),
      share: reaching > 0 ? Math.max(0, part) / reaching : 0,
      path: () => blames.path(node).map((index) => entities[index]!),
    };
  });
}

function unknown(says: string, unjudged: Location["unjudged"], ignoredCalls: number): Location {
  return { verdict: "unknown", says, suspects: [], unjudged, ignoredCalls };
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
