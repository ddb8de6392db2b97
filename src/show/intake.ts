// The door for other systems' alerts: Alertmanager's webhook payload, and the API that Prometheus pushes to.
import type { AlertIntake, ForeignAlert, IntakeReceipt } from "../model/ports/alerting.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { foreignAlert, webhookV4 } from "./alerting-schemas.ts";
import { refuse, refuseIssues } from "./problem.ts";

/** What the alerting routes are handed. */
export interface IntakeDeps {
  readonly intake: AlertIntake;
  readonly telemetry: Telemetry;
  readonly now: Instant;
}

const alertsMax = 1000;
/** Alertmanager's webhook repeats a firing alert every few hours and tells its end: only the end ends it, or a day. */
const webhookSilentMs = 24 * 3_600_000;

/** Takes a webhook payload of version 4. Throws a refusal when it is not one; alerts that are not alerts are counted. */
export function takeWebhook(body: unknown, deps: IntakeDeps): IntakeReceipt & { wrong: number } {
  const parsed = webhookV4.safeParse(body);
  if (!parsed.success) throw refuseIssues(parsed.error.issues);
  return takeAlerts(parsed.data.alerts, deps, webhookSilentMs).receipt;
}

/** Takes the list of Alertmanager's API. As there, the good ones are taken even when the answer is a refusal. */
export function takeApiAlerts(body: unknown, deps: IntakeDeps, silentMs: number): void {
  if (!Array.isArray(body)) throw refuse(400, "The body is not a list of alerts. Send a JSON list.");
  if (body.length > alertsMax) {
    throw refuse(400, `The list has ${body.length} alerts. Send at most ${alertsMax} at a time.`);
  }
  const { receipt, errors } = takeAlerts(body, deps, silentMs);
  if (receipt.wrong > 0) {
    const detail = `${receipt.wrong} of ${body.length} alerts were not taken. ${errors[0]!.parameter}: ${errors[0]!.detail}.`;
    throw refuse(400, detail, { errors });
  }
}

function takeAlerts(items: readonly unknown[], { intake, telemetry, now }: IntakeDeps, silentMs: number) {
  const good: ForeignAlert[] = [];
  const errors: { parameter: string; detail: string }[] = [];
  let wrong = 0;
  for (const [index, item] of items.entries()) {
    const parsed = foreignAlert.safeParse(item);
    if (parsed.success) {
      const { labels, annotations = {}, startsAt, endsAt, generatorURL } = parsed.data;
      good.push({
        labels,
        annotations,
        ...timed("startsAt", startsAt),
        ...timed("endsAt", endsAt),
        ...(generatorURL === undefined ? {} : { generatorUrl: generatorURL }),
      });
      continue;
    }
    wrong++;
    const issue = parsed.error.issues[0]!;
    if (errors.length < 5)
      errors.push({ parameter: `[${index}].${String(issue.path[0] ?? "")}`, detail: issue.message });
  }
  if (wrong > 0) telemetry.count("homeostat.show.dropped", wrong, { reason: "bad-alert" });
  return { receipt: { ...intake.take(good, now, silentMs), wrong }, errors };
}

/** Go's zero time means that there is none. */
function timed(key: "startsAt" | "endsAt", text: string | undefined): Partial<Record<typeof key, number>> {
  if (text === undefined || text.startsWith("0001-")) return {};
  const at = Date.parse(text);
  return Number.isFinite(at) ? { [key]: at } : {};
}
