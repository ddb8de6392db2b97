// What Homeostat asks, read strictly; nothing in it becomes a command or a path: it selects among what the file declares.
import { z } from "zod";
import type { ParameterSpec, Rule } from "./allow-schema.ts";
import type { Values } from "./executor.ts";

const plain = (max: number) => z.string().max(max);
const Data = z.strictObject({
  action: plain(64).regex(/^[a-z][a-z0-9-]*$/),
  target: plain(300).regex(/^[a-z]+:[^\p{Cc}]+$/u),
  parameters: z.record(plain(64), plain(256)).default({}),
  incident: plain(300).optional(),
  failureMode: plain(200).optional(),
  idempotencyKey: plain(300).regex(/^[^\p{Cc}]+$/u),
  why: plain(8000).optional(),
  proposedAt: z.number().optional(),
  /** Why people are told, in `action.escalated`. */
  reason: plain(8000).optional(),
});
const Message = z.strictObject({
  type: z.enum(["action.requested", "action.undo", "action.escalated"]),
  timestamp: z.iso.datetime({ offset: true }),
  data: Data,
});

export interface Request {
  readonly type: z.infer<typeof Message>["type"];
  /** Unix ms: when it was first sent. */
  readonly at: number;
  readonly key: string;
  readonly action: string;
  readonly target: string;
  readonly parameters: Values;
  readonly incident?: string;
}

export type ReadRequest =
  | { readonly ok: true; readonly request: Request }
  | { readonly ok: false; readonly says: string };

export function readRequest(body: string): ReadRequest {
  let json: unknown;
  try {
    json = JSON.parse(body, refuseProto);
  } catch {
    return { ok: false, says: "the body is no JSON, or nested too deep, or has a key __proto__" };
  }
  const read = Message.safeParse(json);
  if (!read.success) {
    const issue = read.error.issues[0]!;
    const keys = issue.code === "unrecognized_keys" ? ` (${issue.keys.map((key) => key.slice(0, 64)).join(", ")})` : "";
    return { ok: false, says: `${issue.path.map(String).join(".") || "body"}: ${plainly(issue.code)}${keys}` };
  }
  const { type, timestamp, data } = read.data;
  const { idempotencyKey: key, action, target, parameters, incident } = data;
  const about = incident === undefined ? {} : { incident };
  return { ok: true, request: { type, at: Date.parse(timestamp), key, action, target, parameters, ...about } };
}

/** The one rule for this action on this target. */
export function ruleFor(rules: readonly Rule[], { action, target }: Request): Rule | undefined {
  return rules.find((rule) => rule.action === action && rule.target === target);
}

/** Why the request's parameters are not what the rule declares; undefined if they are. Never repeats a value. */
export function whyParameters(rule: Rule, values: Values): string | undefined {
  for (const [name, value] of Object.entries(values)) {
    const spec = Object.hasOwn(rule.parameters, name) ? rule.parameters[name] : undefined;
    if (spec === undefined) return `parameter ${JSON.stringify(name.slice(0, 64))} is not declared for this action`;
    if (!fits(spec, value)) return `parameter ${name} has a value that is not allowed`;
  }
  const used = rule.do.flatMap((step) => (step.use === "script" ? step.args : []));
  for (const arg of used)
    if (typeof arg === "object" && !Object.hasOwn(values, arg.parameter))
      return `parameter ${arg.parameter} is missing; a script of this action needs it`;
  return undefined;
}

function fits(spec: ParameterSpec, value: string): boolean {
  if (spec === "identifier") return /^[A-Za-z0-9_][\w.:-]{0,127}$/.test(value);
  if (Array.isArray(spec)) return spec.includes(value);
  const number = /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : Number.NaN;
  return number >= spec.min && number <= spec.max && (!spec.integer || Number.isInteger(number));
}

/** Zod passes over that key; here nothing is passed over. */
function refuseProto(key: string, value: unknown): unknown {
  if (key === "__proto__") throw new Error("has a key __proto__");
  return value;
}

function plainly(code: string): string {
  if (code === "unrecognized_keys") return "has fields that are not known";
  if (code === "too_big") return "is too long";
  return "is missing or not as it should be";
}
