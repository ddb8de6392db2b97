// What of each entity's excess is its own, and how much of it can have reached the target.
import { type CallGraph, cyclesOf } from "./call-graph.ts";
import type { Departure } from "./departure.ts";

export interface Blame {
  /** Excess that the called entities do not explain; same unit as the excess. */
  readonly own: number;
  /** Of `own`, what can have come to the target. */
  readonly reaching: number;
}

export interface Blames {
  /** Of every entity that was measured. */
  readonly of: ReadonlyMap<number, Blame>;
  /** The entities from the target to this one along which most can have come. */
  path(node: number): readonly number[];
}

/** How many deviations an entity on the way may have fallen short of what it passed on. */
const slack = 2;

/**
 * Cost is passed up along calls and conserved: a caller waits as long as those it calls, and fails as often as they do.
 * So the excess of a caller, less that of its callees, is its own; and no more reaches the target than the narrowest
 * entity on the way shows. An entity without measurements is looked through. On a cycle, only the one with more excess
 * explains the one with less.
 *
 * Blind to calls that nobody waits for, to calls side by side (of which the longest counts), to retries that hide failures,
 * and to a callee's excess that was caused by other callers: it is credited to each of them.
 */
export function blame(graph: CallGraph, departures: readonly (Departure | undefined)[]): Blames {
  const cycle = cyclesOf(graph);
  const excess = (of: number): number => departures[of]?.excess ?? 0;
  const { capacity, from } = widestPaths(graph, departures);
  const blames = new Map<number, Blame>();
  for (const node of graph.reached) {
    const departure = departures[node];
    if (departure === undefined) continue;
    let explained = 0;
    for (const callee of measuredCallees(graph, departures, node)) {
      if (cycle.get(callee) === cycle.get(node) && !stronger(excess, callee, node)) continue;
      explained += Math.max(0, excess(callee));
    }
    const own = departure.excess - explained;
    blames.set(node, { own, reaching: Math.min(own, capacity.get(node)!) });
  }
  return { of: blames, path: (node) => pathTo(node, from) };
}

/** Called entities that were measured, those behind entities that were not among them. */
function measuredCallees(
  graph: CallGraph,
  departures: readonly (Departure | undefined)[],
  caller: number,
): readonly number[] {
  const found: number[] = [];
  const seen = new Set([caller]);
  const look = [caller];
  for (let node = look.pop(); node !== undefined; node = look.pop()) {
    for (const callee of graph.callees(node)) {
      if (seen.has(callee)) continue;
      seen.add(callee);
      if (departures[callee] === undefined) look.push(callee);
      else found.push(callee);
    }
  }
  return found;
}

/** Of two on a cycle; the order of indexes breaks a tie. */
function stronger(excess: (of: number) => number, a: number, b: number): boolean {
  return excess(a) > excess(b) || (excess(a) === excess(b) && a < b);
}

/** For each entity the most that can have come from it to the target (Pollack 1960, as Dijkstra's algorithm). */
function widestPaths(
  graph: CallGraph,
  departures: readonly (Departure | undefined)[],
): { readonly capacity: ReadonlyMap<number, number>; readonly from: ReadonlyMap<number, number> } {
  const width = (node: number): number => {
    const departure = departures[node];
    if (departure === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, departure.excess + slack * departure.excessDeviation);
  };
  const target = graph.reached[0]!;
  const capacity = new Map([[target, width(target)]]);
  const from = new Map<number, number>();
  const done = new Set<number>();
  const next = createWidestFirst();
  next.put(target, width(target));
  for (let node = next.take(); node !== undefined; node = next.take()) {
    if (done.has(node)) continue;
    done.add(node);
    for (const callee of graph.callees(node)) {
      if (done.has(callee)) continue;
      const room = Math.min(capacity.get(node)!, width(callee));
      if (room <= (capacity.get(callee) ?? -1)) continue;
      capacity.set(callee, room);
      from.set(callee, node);
      next.put(callee, room);
    }
  }
  return { capacity, from };
}

/** A binary heap of entities, the widest first; one may be in it more than once. */
function createWidestFirst(): { put(node: number, room: number): void; take(): number | undefined } {
  const heap: { readonly node: number; readonly room: number }[] = [];
  return {
    put(node, room) {
      let at = heap.length;
      while (at > 0 && heap[(at - 1) >> 1]!.room < room) {
        heap[at] = heap[(at - 1) >> 1]!;
        at = (at - 1) >> 1;
      }
      heap[at] = { node, room };
    },
    take() {
      const first = heap[0];
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return first?.node;
      let at = 0;
      for (let child = 1; child < heap.length; child = 2 * at + 1) {
        if (child + 1 < heap.length && heap[child + 1]!.room > heap[child]!.room) child++;
        if (heap[child]!.room <= last.room) break;
        heap[at] = heap[child]!;
        at = child;
      }
      heap[at] = last;
      return first?.node;
    },
  };
}

function pathTo(node: number, from: ReadonlyMap<number, number>): readonly number[] {
  const path = [node];
  for (let at = from.get(node); at !== undefined; at = from.get(at)) path.push(at);
  return path.reverse();
}
