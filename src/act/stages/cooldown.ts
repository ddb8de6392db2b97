// After an action its target is left alone for a while, so that its effect can show.
import { formatDuration } from "../../model/time.ts";
import type { Stage } from "../stage.ts";

export const cooldown: Stage = {
  name: "cooldown",
  check(action, { past, policy }, now) {
    const last = Math.max(...past.filter(({ target }) => target === action.target).map(({ sentAt }) => sentAt));
    if (now - last >= policy.cooldown) return { kind: "pass" };
    const reason = `${action.target} was acted on ${formatDuration(now - last)} ago; the pause is ${formatDuration(policy.cooldown)}`;
    return { kind: "hold", by: "cooldown", reason, retryAt: last + policy.cooldown };
  },
};
