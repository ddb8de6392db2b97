// What is repaired is gone for a while: enough of its siblings have to be well to carry its load.
import type { Stage } from "../stage.ts";

export const minHealthy: Stage = {
  name: "min-healthy",
  check(action, { policy, target, troubled }, now) {
    const { count = 0, percent = 0 } = policy.blastRadius?.minHealthy ?? {};
    // An action on a whole deployment is a decision about all of it.
    if (action.target === target.domain || (count === 0 && percent === 0)) return { kind: "pass" };
    const healthy = [...target.newestOf].filter(
      ([entity, newestAt]) =>
        entity !== action.target && now - newestAt <= policy.maxEvidenceAge && !troubled.has(entity),
    ).length;
    const needed = Math.max(count, Math.ceil((percent / 100) * target.siblings));
    if (healthy >= needed) return { kind: "pass" };
    const reason = `${healthy} of ${target.siblings} replicas of ${target.domain} would be healthy without ${action.target}, ${needed} have to be`;
    return { kind: "hold", by: "min-healthy", reason, retryAt: now + 30_000 };
  },
};
