// Code evidence as a recorded diagnosis had it: the repository is in no bundle.
import type { FailureMode } from "../../model/failure-mode.ts";
import type { CodeHistory, CodeTouch } from "../../model/ports/code-history.ts";
import type { Bundle } from "./bundle.ts";

/** Known from the instant of the diagnosis on that recorded it, as it was then. */
export function recordedCode({ diagnoses }: Bundle, modes: readonly FailureMode[]): CodeHistory {
  const specs = modes.flatMap(({ symptoms, discriminators }) => [...symptoms, ...discriminators]);
  const touches: { readonly from: number; readonly change: string | undefined; readonly touch: CodeTouch }[] = [];
  for (const { at: from, causes } of diagnoses) {
    for (const { kind, says, subject = "", at, ref } of causes.flatMap((cause) => cause.for)) {
      if (kind !== "code" || ref === undefined) continue;
      const spec = specs.find((one) => one.source.kind === "code" && says.includes(`: ${one.says}: `));
      if (spec?.source.kind !== "code" || touches.some(({ touch }) => touch.commit === ref && touch.file === subject))
        continue;
      const told = says.slice(says.indexOf(`: ${spec.says}: `) + spec.says.length + 4);
      const touch = { what: spec.source.touched, file: subject, commit: ref, at, says: told, findings: [] };
      touches.push({ from, change: causes.find(({ trigger }) => trigger !== undefined)?.trigger, touch });
    }
  }
  return {
    touched({ change, at }) {
      const known = touches.filter((one) => one.from <= at && (one.change ?? change.id) === change.id);
      return known.length === 0 ? undefined : known.map(({ touch }) => touch);
    },
  };
}
