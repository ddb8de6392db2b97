// What may be repaired, by which policy, when, and what stops it: the part of the configuration about acting.
import { z } from "zod";
import { contradictions } from "../act/policy-check.ts";
import type { Window } from "../act/windows.ts";
import { actionKinds } from "../model/failure-mode.ts";
import { duration } from "./config-duration.ts";

function fitsAction(pattern: string): boolean {
  return actionKinds.some((kind) => (pattern.endsWith("*") ? kind.startsWith(pattern.slice(0, -1)) : kind === pattern));
}

const id = z.string().regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits or _ . -");
const limit = z.int().min(0);

const BlastRadius = z.strictObject({
  maxConcurrent: limit.default(1).describe("Actions under way at once, of all targets."),
  maxShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.34)
    .describe("Share of a deployment's replicas within an hour; one may be."),
  maxPerHour: limit.default(6).describe("Actions within an hour, of all targets."),
  maxPerNode: limit.optional().describe("Different targets on one node within an hour."),
  maxPerZone: limit.optional().describe("Different targets in one zone within an hour."),
  minHealthy: z
    .strictObject({ count: limit.default(0), percent: z.number().min(0).max(100).default(0) })
    .optional()
    .describe("So many of the deployment's other replicas have to be healthy."),
});

const Policy = z.strictObject({
  id: id.optional().describe("What the ledger calls it; default: its place in the list."),
  action: z
    .string()
    .refine(fitsAction, `is no action; there are ${actionKinds.join(", ")}, and * at its end matches any rest`)
    .default("*")
    .describe("Action kind this policy is for; * at its end matches any rest."),
  target: z.string().default("*").describe("Entity id this policy is for; * at its end matches any rest."),
  failureMode: z.string().default("*").describe("Diagnosis (slug) this policy is for; * at its end matches any rest."),
  mode: z.enum(["observe", "propose", "approve", "auto"]).default("observe"),
  minProbability: z.number().min(0).max(1).default(0.7),
  minEvidence: z.int().min(1).default(1).describe("So many distinct kinds of evidence have to speak for the cause."),
  cooldown: duration("15m"),
  attempts: z.int().min(1, "is less than 1, so it never acts; say mode: observe").default(2),
  maxEvidenceAge: duration("2m"),
  watch: duration("2m").describe("So long its siblings are watched before a repair whose checks hold is a success."),
  onlyIn: z.array(id).default([]).describe("Maintenance windows it runs in. None: at any time."),
  blastRadius: BlastRadius.prefault({}),
  approval: z
    .strictObject({
      quorum: z.int().min(1).default(1).describe("So many different people have to approve."),
      ttl: duration("15m").describe("An action nobody approved in this time is denied; an approval holds as long."),
    })
    .prefault({}),
});

const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
const instant = z.iso
  .datetime({ offset: true, error: "is no time with an offset such as 2026-12-20T18:00:00+01:00" })
  .transform((text) => Date.parse(text));

const TimeWindow = z
  .strictObject({
    id,
    kind: z.enum(["freeze", "maintenance"]).default("freeze").describe("Nothing runs in a freeze, approved or not."),
    target: z.string().default("*").describe("Entity id it is for; * at its end matches any rest."),
    reason: z.string().max(200).default(""),
    from: instant.optional().describe("Once: from this time."),
    to: instant.optional().describe("Once: up to this time."),
    days: z.array(z.enum(weekdays)).min(1).optional().describe("Every week: the days it begins on."),
    at: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d$/, "is no time of day such as 18:00")
      .default("00:00"),
    lasts: duration("24h").describe("Every week: how long it is open from then on."),
    timeZone: z
      .string()
      .default("UTC")
      .refine(isTimeZone, "is no time zone; write it like Europe/Berlin")
      .describe("Of days and at."),
  })
  .refine(({ from, days }) => (from === undefined) !== (days === undefined), "give either from and to, or days");

export const Acting = z
  .strictObject({
    policies: z.array(Policy).default([]).describe("What may run. None: everything is only observed."),
    windows: z.array(TimeWindow).default([]).describe("Change freezes and maintenance windows."),
    killSwitch: z.boolean().default(false).describe("Nothing is sent while it is on."),
    killFile: z
      .string()
      .min(1)
      .optional()
      .describe("A path: while there is a file, or it cannot be told, nothing is sent."),
    leaseFile: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Whichever service holds it acts. Default: in dataDirectory; put it where all that could act on one fleet see it.",
      ),
    storm: z
      .strictObject({
        maxIncidents: z.int().min(1).default(5).describe("More of them open at once: nothing automatic."),
        calm: duration("10m").describe("It is over when there have been fewer for so long."),
      })
      .prefault({}),
  })
  .superRefine((acting, context) => {
    const windows = acting.windows.map((one) => ({ ...one, when: whenOf(one) }));
    const policies = acting.policies.map((one) => ({ ...one, blastRadius: known(one.blastRadius) }));
    for (const { path, says } of contradictions({ policies, windows }, undefined))
      context.addIssue({ code: "custom", path: [...path], message: says });
  });

type Acting = z.infer<typeof Acting>;

/** A quorum that `approvers` people cannot make. */
export function beyondQuorum(
  acting: Acting,
  approvers: number,
): readonly { path: (string | number)[]; says: string }[] {
  const policies = acting.policies.map((one) => ({ ...one, blastRadius: known(one.blastRadius) }));
  return contradictions({ policies, windows: [] }, approvers)
    .filter(({ path }) => path.at(-1) === "quorum")
    .map(({ path, says }) => ({ path: [...path], says }));
}

export function policiesOf({ policies }: Acting) {
  return policies.map((one, i) => ({ ...one, id: one.id ?? `act.policies.${i}`, blastRadius: known(one.blastRadius) }));
}

export function windowsOf({ windows }: Acting): readonly Window[] {
  return windows.map((one) => {
    const { id, kind, target, reason } = one;
    const when = whenOf(one);
    if ("days" in when) return { id, kind, target, reason, when };
    const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = when;
    return { id, kind, target, reason, when: { from, to } };
  });
}

function whenOf({ from, to, days, at, lasts, timeZone }: Acting["windows"][number]) {
  if (days === undefined) return known({ from, to });
  const [hours = 0, minutes = 0] = at.split(":").map(Number);
  return { days: days.map((day) => weekdays.indexOf(day)), atMinute: hours * 60 + minutes, lasts, timeZone };
}

/** Without the members that are not set. */
function known<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
