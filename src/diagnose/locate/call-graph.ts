// Who calls whom, as far as it can be reached from one entity.

export interface CallGraph {
  /** Entities reachable from the target, the target first; each once. */
  readonly reached: readonly number[];
  /** Entities called by `caller`, without itself; each once. */
  callees(caller: number): readonly number[];
  /** Calls left out because they name no entity. */
  readonly ignored: number;
}

/** `calls` holds a pair of indexes a call: caller, callee. Pairs outside `0..entities-1` are left out and counted. */
export function callGraph(entities: number, calls: Int32Array, target: number): CallGraph {
  const out: Set<number>[] = Array.from({ length: entities }, () => new Set());
  let ignored = calls.length % 2;
  for (let i = 0; i + 1 < calls.length; i += 2) {
    const caller = calls[i]!;
    const callee = calls[i + 1]!;
    if (caller < 0 || callee < 0 || caller >= entities || callee >= entities) ignored++;
    else if (caller !== callee) out[caller]!.add(callee);
  }
  const callees = out.map((set) => [...set]);
  const reached = [target];
  const seen = new Set(reached);
  for (let i = 0; i < reached.length; i++) {
    for (const callee of callees[reached[i]!]!) {
      if (seen.has(callee)) continue;
      seen.add(callee);
      reached.push(callee);
    }
  }
  return { reached, callees: (caller) => callees[caller]!, ignored };
}

/** Numbers entities by the cycle they are on: two of them share a number when each reaches the other (Tarjan 1972). */
export function cyclesOf(graph: CallGraph): ReadonlyMap<number, number> {
  const order = new Map<number, number>();
  const low = new Map<number, number>();
  const cycle = new Map<number, number>();
  const stack: number[] = [];
  for (const root of graph.reached) {
    if (order.has(root)) continue;
    const work: { node: number; next: number }[] = [{ node: root, next: 0 }];
    while (work.length > 0) {
      const top = work[work.length - 1]!;
      const { node } = top;
      if (top.next === 0) {
        order.set(node, order.size);
        low.set(node, order.get(node)!);
        stack.push(node);
      }
      const callee = graph.callees(node)[top.next++];
      if (callee === undefined) {
        work.pop();
        const parent = work[work.length - 1]?.node;
        if (parent !== undefined) low.set(parent, Math.min(low.get(parent)!, low.get(node)!));
        if (low.get(node) !== order.get(node)) continue;
        for (let member = stack.pop(); member !== undefined; member = stack.pop()) {
          cycle.set(member, node);
          if (member === node) break;
        }
      } else if (!order.has(callee)) work.push({ node: callee, next: 0 });
      else if (!cycle.has(callee)) low.set(node, Math.min(low.get(node)!, order.get(callee)!));
    }
  }
  return cycle;
}
