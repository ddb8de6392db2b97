// A process that takes one part of the fleet through its weeks, and says what came of it. Ends when nobody listens any more.
import { setImmediate } from "node:timers/promises";
import { type GroupPlan, type GroupResult, runGroup } from "./group.ts";

export type GroupMessage =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "result"; readonly result: GroupResult };

const send = (message: GroupMessage): void => {
  process.send!(message);
};

process.on("message", (plan: GroupPlan) => {
  // Minutes follow one another without a break: only while it waits does the process hear that its parent is gone.
  runGroup(plan, { tell: (text) => send({ kind: "line", text }), breathe: () => setImmediate() }).then(
    (result) => {
      process.send!({ kind: "result", result } satisfies GroupMessage, () => process.exit(0));
    },
    (error: unknown) => {
      process.stderr.write(`${String(error instanceof Error ? error.stack : error)}\n`);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));
