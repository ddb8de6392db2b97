// Old telemetry is no ground to act on: the exporter may be what is broken.
import { formatDuration } from "../../model/time.ts";
import type { Stage } from "../stage.ts";

export const freshness: Stage = {
  name: "freshness",
  check(action, { target, policy }, now) {
    const age = target.newestAt === undefined ? Number.POSITIVE_INFINITY : now - target.newestAt;
    if (age <= policy.maxEvidenceAge) return { kind: "pass" };
    const old = Number.isFinite(age) ? `${formatDuration(age)} old` : "missing";
    const reason = `telemetry of ${action.target} is ${old}, more than ${formatDuration(policy.maxEvidenceAge)}`;
    return { kind: "hold", by: "freshness", reason, retryAt: now + 10_000 };
  },
};
