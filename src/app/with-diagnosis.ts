// Messages about an incident leave with what is thought of it, for receivers whose format carries that.
import type { Notifier } from "../model/ports/notifier.ts";
import type { Records } from "../model/ports/records.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";

/** Among so many of the newest diagnoses the incident's is looked for: an action follows its diagnosis at once. */
const newestMax = 200;

/** Without one that can be found the message goes as it is: nothing waits for its ornament. */
export function withDiagnosis(
  notifier: Notifier,
  { records, telemetry }: { readonly records: Pick<Records, "list">; readonly telemetry: Telemetry },
): Notifier {
  return {
    async send(message) {
      const incident = message.data["incident"];
      if (typeof incident !== "string") return notifier.send(message);
      const found = await records.list("diagnoses", { limit: newestMax }).catch((error: unknown) => {
        telemetry.log.warn("a message goes without its diagnosis", { id: message.id, error: String(error) });
        return [];
      });
      const diagnosis = found.find((one) => one.incident === incident);
      return notifier.send(diagnosis === undefined ? message : { ...message, diagnosis });
    },
  };
}
