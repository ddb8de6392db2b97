// How an allowed action leaves the house: connectors are declared in YAML, and only what is declared can be sent.
import { z } from "zod";
import type { Action } from "../model/action.ts";
import { actionKinds } from "../model/failure-mode.ts";
import type { OutgoingMessage } from "../model/ports/notifier.ts";
import { type Mistake, parseYamlAs } from "../model/yaml.ts";

/** All that can be asked of a receiver: doing nothing cannot. */
const kinds = actionKinds.filter((kind) => kind !== "none");

/** `identifier` = id of a record of ours; `number` = a plain decimal number; a list = exactly one of its values. */
const Parameter = z.union([z.enum(["identifier", "number"]), z.array(z.string().min(1)).min(1)]);
const Served = z.strictObject({ parameters: z.record(z.string().regex(/^[A-Za-z]\w{0,63}$/), Parameter).default({}) });
const Field = z.enum([
  "action",
  "target",
  "parameters",
  "incident",
  "failureMode",
  "idempotencyKey",
  "why",
  "proposedAt",
]);

const Connector = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/, "must be a slug"),
  kind: z.literal("webhook", "is not a kind of connector; webhook is"),
  receiver: z.string().min(1).describe("Name of a receiver of the configuration (deliver.receivers)."),
  type: z.string().regex(/^[a-z]+(\.[a-z]+)+$/, "must be an event type such as action.requested"),
  serves: z.partialRecord(z.enum(kinds), Served.prefault({})),
  fields: z.array(Field).min(1),
  undo: z.array(z.enum(kinds)).default([]).describe("Actions whose effect the receiver can take back."),
});

export type ConnectorSpec = z.infer<typeof Connector>;

/** Reads connectors, one a file; `mistakes` names everything wrong, a faulty file is left out. */
export function loadConnectors(files: readonly { readonly name: string; readonly text: string }[]): {
  readonly connectors: readonly ConnectorSpec[];
  readonly mistakes: readonly Mistake[];
} {
  const connectors: ConnectorSpec[] = [];
  const mistakes: Mistake[] = [];
  for (const { name, text } of files) {
    const parsed = parseYamlAs<ConnectorSpec>(name, text, Connector);
    if (parsed.ok) connectors.push(parsed.value);
    else mistakes.push(...parsed.mistakes);
  }
  return { connectors, mistakes };
}

/** The first connector that serves the action. */
export function connectorFor(action: Action, connectors: readonly ConnectorSpec[]): ConnectorSpec | undefined {
  return connectors.find(({ serves }) => Object.hasOwn(serves, action.kind));
}

/** Why the action cannot be put into this connector's words: an undeclared parameter or a value that is not allowed. */
export function refuseParameters(action: Action, connector: ConnectorSpec): string | undefined {
  const declared = connector.serves[action.kind as (typeof kinds)[number]]?.parameters ?? {};
  for (const [name, value] of Object.entries(action.parameters)) {
    const spec = Object.hasOwn(declared, name) ? declared[name] : undefined;
    if (spec === undefined)
      return `connector ${connector.id} declares no parameter ${JSON.stringify(name.slice(0, 64))} for ${action.kind}`;
    if (!allowed(spec, value)) return `parameter ${name} has a value that connector ${connector.id} does not allow`;
  }
  return undefined;
}

/** The request; `id` is the same however often it is delivered. */
export function requestOf(action: Action, connector: ConnectorSpec): OutgoingMessage {
  return {
    id: `action-${action.id}`,
    receiver: connector.receiver,
    type: connector.type,
    data: fieldsOf(action, connector),
  };
}

/** Asks to take the action back; undefined where the receiver cannot. */
export function undoOf(action: Action, connector: ConnectorSpec): OutgoingMessage | undefined {
  if (!connector.undo.includes(action.kind as (typeof kinds)[number])) return undefined;
  return {
    id: `undo-${action.id}`,
    receiver: connector.receiver,
    type: "action.undo",
    data: fieldsOf(action, connector),
  };
}

/** Tells people that a repair did not work. */
export function escalationOf(action: Action, connector: ConnectorSpec, reason: string): OutgoingMessage {
  const data = { ...fieldsOf(action, connector), reason };
  return { id: `escalated-${action.id}`, receiver: connector.receiver, type: "action.escalated", data };
}

function fieldsOf(action: Action, connector: ConnectorSpec): Record<string, unknown> {
  const { kind, target, parameters, incident, failureMode, idempotencyKey, why, proposedAt } = action;
  const all = { action: kind, target, parameters, incident, failureMode, idempotencyKey, why, proposedAt };
  return Object.fromEntries(connector.fields.map((field) => [field, all[field]]));
}

function allowed(spec: z.infer<typeof Parameter>, value: string): boolean {
  if (spec === "identifier") return /^[\w.:-]{1,128}$/.test(value);
  if (spec === "number") return /^-?\d{1,15}(\.\d{1,15})?$/.test(value);
  return spec.includes(value);
}
