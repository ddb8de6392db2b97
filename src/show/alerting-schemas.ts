// Shapes of alerts that come in and of silences: our own, and Alertmanager's as its clients write them.
import { z } from "zod";
import type { Silence } from "../model/ports/alerting.ts";
import type { LabelMatcher } from "../model/ports/series-source.ts";

const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, "contains control characters; send one line of plain text");
const name = z.string().regex(/^[A-Za-z_]\w{0,127}$/, "must be a label name: letters, digits and _, at most 128");
const rfc3339 = z.iso.datetime({ offset: true, error: "must be RFC 3339 such as 2026-01-31T12:00:00Z" });
const labelSet = z
  .record(z.string().min(1).max(128), z.string().max(16_384))
  .refine((labels) => Object.keys(labels).length <= 64, "has more than 64 entries");

/** An alert as Alertmanager's API takes it and its webhook gives it; keys we do not know are left aside. */
export const foreignAlert = z.object({
  labels: labelSet.refine((labels) => Object.values(labels).some((value) => value !== ""), "has no label"),
  annotations: labelSet.optional(),
  startsAt: rfc3339.optional(),
  endsAt: rfc3339.optional().describe("Over from then on. Absent or year 1: not known."),
  generatorURL: z.string().max(4096).optional(),
});

export const webhookV4 = z.object({
  version: z.literal("4", { error: 'must be "4", as Alertmanager\'s webhook sends it' }),
  status: z.enum(["firing", "resolved"]),
  alerts: z.array(z.unknown()).max(1000).describe("As ForeignAlert, with a status."),
});

export const intakeReceipt = z.object({
  taken: z.int().describe("New or changed."),
  own: z.int().describe("Of this Homeostat's own making; ignored."),
  repeated: z.int().describe("Known already."),
  dropped: z.int().describe("Let go because too many are kept."),
  wrong: z.int().describe("Not alerts; `errors` says why."),
});

const matcher = z.strictObject({
  name,
  op: z.enum(["=", "!=", "=~", "!~"]),
  value: z.string().max(1024),
});
const matchers = z.array(matcher).min(1).max(32);

export const silenceInput = z.strictObject({
  matchers,
  startsAt: z.union([z.int(), rfc3339]).optional().describe("Unix ms or RFC 3339. Default: now."),
  endsAt: z.union([z.int(), rfc3339]).optional().describe("Unix ms or RFC 3339; or say `duration`."),
  duration: z.string().max(32).optional().describe("Such as 30m or 2h."),
  comment: line(1000).describe("Why."),
});

export const silence = z.object({
  id: z.string(),
  matchers: z.array(matcher),
  startsAt: z.int(),
  endsAt: z.int().describe("Exclusive."),
  comment: z.string(),
  createdBy: z.string(),
  updatedAt: z.int(),
}) satisfies z.ZodType<Silence>;

export const silenceList = z.object({ data: z.array(silence) });

const matcherV2 = z.object({
  name,
  value: z.string().max(1024),
  isRegex: z.boolean(),
  isEqual: z.boolean().default(true),
});

export const silenceV2 = z.object({
  id: z.string().max(200).optional().describe("Changes this one."),
  matchers: z.array(matcherV2).min(1).max(32),
  startsAt: rfc3339,
  endsAt: rfc3339,
  createdBy: line(200),
  comment: line(1000),
});

export const silenceV2Shown = z.object({
  id: z.string(),
  status: z.object({ state: z.enum(["active", "pending", "expired"]) }),
  matchers: z.array(matcherV2),
  startsAt: z.string(),
  endsAt: z.string(),
  updatedAt: z.string(),
  createdBy: z.string(),
  comment: z.string(),
});

export const alertingSchemas = {
  ForeignAlert: foreignAlert,
  WebhookV4: webhookV4,
  IntakeReceipt: intakeReceipt,
  Silence: silence,
  SilenceInput: silenceInput,
  Silences: silenceList,
  SilenceV2: silenceV2,
  SilenceV2Shown: silenceV2Shown,
  SilencesV2: z.array(silenceV2Shown),
  SilenceIdV2: z.object({ silenceID: z.string() }),
} as const;

/** A matcher as Alertmanager's API writes it. */
export function toV2({ name, op, value }: LabelMatcher): z.output<typeof matcherV2> {
  return { name, value, isRegex: op.endsWith("~"), isEqual: op.startsWith("=") };
}

export function fromV2({ name, value, isRegex, isEqual }: z.output<typeof matcherV2>): LabelMatcher {
  return { name, value, op: isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=" };
}
