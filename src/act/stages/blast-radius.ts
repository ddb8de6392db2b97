// However sure the diagnosis is, only so much of the fleet is touched within an hour.
import type { Stage } from "../stage.ts";

const hourMs = 3_600_000;

export const blastRadius: Stage = {
  name: "blast-radius",
  check(action, { past, policy, target, place }, now) {
    const {
      maxConcurrent = 1,
      maxShare = 0.34,
      maxPerHour = 6,
      maxPerNode = Number.POSITIVE_INFINITY,
      maxPerZone = Number.POSITIVE_INFINITY,
    } = policy.blastRadius ?? {};
    const hold = (reason: string) => ({ kind: "hold", by: "blast-radius", reason, retryAt: now + 60_000 }) as const;
    const underWay = past.filter((one) => one.underWay).length;
    if (underWay >= maxConcurrent) return hold(`${underWay} actions are under way, the limit is ${maxConcurrent}`);
    const recent = past.filter(({ sentAt }) => now - sentAt < hourMs);
    if (recent.length >= maxPerHour)
      return hold(`${recent.length} actions within the hour, the limit is ${maxPerHour}`);
    for (const [area, name, limit] of [
      ["node", place.node, maxPerNode],
      ["zone", place.zone, maxPerZone],
    ] as const) {
      if (name === undefined) continue;
      const there = new Set(recent.filter((one) => one.place[area] === name).map((one) => one.target)).add(
        action.target,
      );
      if (there.size > limit)
        return hold(`${there.size} targets in ${area} ${name} within the hour, the limit is ${limit}`);
    }
    // An action on a whole deployment is a decision about all of it; shares are about replicas one by one.
    if (action.target === target.domain) return { kind: "pass" };
    const touched = new Set(recent.filter(({ domain }) => domain === target.domain).map((one) => one.target));
    touched.add(action.target);
    const limit = Math.max(1, Math.floor(maxShare * target.siblings));
    if (touched.size <= limit) return { kind: "pass" };
    return hold(
      `${touched.size} of ${target.siblings} replicas of ${target.domain} within the hour, the limit is ${limit}`,
    );
  },
};
