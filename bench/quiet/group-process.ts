// A process that takes one part of the fleet through its weeks, and says what came of it.
import { type GroupPlan, type GroupResult, runGroup } from "./group.ts";

export type GroupMessage =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "result"; readonly result: GroupResult };

const send = (message: GroupMessage): void => {
  process.send!(message);
};

process.on("message", (plan: GroupPlan) => {
  runGroup(plan, (text) => send({ kind: "line", text })).then(
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
