// The door for other systems' webhooks of changes: who sent it, what it says, what that is here, and storing it once.
import type { IncomingHttpHeaders } from "node:http";
import type { ChangeEvent } from "../../model/change.ts";
import type { Entity } from "../../model/entity.ts";
import { stableId } from "../../model/ids.ts";
import type { Labels } from "../../model/labels.ts";
import { oneLine } from "../../model/one-line.ts";
import type { ChangeLog } from "../../model/ports/change-log.ts";
import type { Records } from "../../model/ports/records.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { jsonOf } from "../body.ts";
import type { ChangeReceipt } from "../contract.ts";
import { fromStore, type Refusal, refuse } from "../problem.ts";
import type { ResultDoor } from "../result-door.ts";
import { instantMax, instantMin } from "../schemas.ts";
import type { Facts, Reading, Sender, SenderName, ToldChange } from "./sender.ts";
import { type Placed, placeOf, type TargetRule } from "./targets.ts";

/** How senders are known and read; all of it from the configuration. */
export interface WebhookOptions {
  /** Secrets by sender; several while one is exchanged for the next. None: a token with the role operator is needed. */
  readonly secrets: Readonly<Partial<Record<SenderName, readonly string[]>>>;
  /** Receivers of ours that say what became of an action. */
  readonly door: ResultDoor;
  readonly map: readonly TargetRule[];
  readonly onlyMapped: boolean;
  /** How far a signed time may be from ours. */
  readonly toleranceMs: DurationMs;
  /** What may be kept of the name of whoever changed it; undefined: nothing. */
  readonly actor: (name: string) => string | undefined;
  /** Takes secrets and personal data out of a text. */
  readonly mask: (text: string) => string;
}

export interface WebhookDeps {
  readonly changes: ChangeLog;
  readonly records: Records;
  readonly entities: () => readonly Entity[];
  readonly telemetry: Telemetry;
  /** Wall time: signatures are judged by it. */
  readonly now: Instant;
}

export interface WebhookCall {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const factMax = 500;
const summaryMax = 1000;
const urlMax = 2000;
/** A sender's clock may be ahead by so much; what lies further ahead is no time of a change. */
const aheadMs = 3_600_000;
/** How far back the change before this one is looked for, and among how many. */
const backMs = 30 * 86_400_000;
const backMax = 1000;

/** Takes one delivery. Throws a refusal: 401 not proved, 400 not as documented, 503 not stored. What was taken is durable. */
export async function takeDelivery(
  sender: Sender,
  call: WebhookCall,
  options: WebhookOptions,
  deps: WebhookDeps,
): Promise<ChangeReceipt> {
  const count = (outcome: string): void =>
    deps.telemetry.count("homeostat.show.webhooks", 1, { sender: sender.name, outcome });
  const refusal = whyRefused(sender, call, options, deps.now);
  if (refusal !== undefined) {
    count("refused");
    throw refusal;
  }
  const reading = readBody(sender, call);
  if (reading.kind === "wrong") {
    count("wrong");
    deps.telemetry.count("homeostat.show.dropped", 1, { reason: "bad-change" });
    const { place: parameter, detail } = reading;
    const text = `The payload is not what ${sender.name} documents: ${parameter}: ${detail}. Check that the webhook's content type is application/json and its events are ${sender.says}.`;
    throw refuse(400, text, { errors: [{ parameter, detail }] });
  }
  if (reading.kind === "ignored") {
    count("ignored");
    return { outcome: "ignored", ids: [], detail: `nothing changed here: ${reading.why}` };
  }
  const told = reading.change;
  const place = placeOf(sender.name, told, options.map, deps.entities(), options.onlyMapped);
  if (place.kind === "nowhere") {
    count("unmapped");
    return { outcome: "ignored", ids: [], detail: `concerns nothing here: ${place.why}` };
  }
  const ids: string[] = [];
  let taken = 0;
  const delivery = deliveryOf(sender, told, deps);
  for (const one of place.places) {
    const { id, isNew } = await fromStore(deps.telemetry, "storing a change", () => add(delivery, one, options, deps));
    ids.push(id);
    if (isNew) taken++;
  }
  const outcome = taken === 0 ? "known" : "taken";
  count(outcome);
  const targets = place.places.map(({ target }) => target).join(", ");
  return { outcome, ids, detail: place.known ? targets : `${targets}, of which there is no telemetry yet` };
}

/** With a secret only the secret counts; without one the route has asked for a token, as for every other change. */
function whyRefused(
  sender: Sender,
  { headers, body }: WebhookCall,
  { secrets, toleranceMs }: WebhookOptions,
  now: Instant,
): Refusal | undefined {
  const known = secrets[sender.name] ?? [];
  if (known.length === 0) return undefined;
  const verdict = sender.verify({ headers, body }, known, now, toleranceMs);
  return verdict.ok ? undefined : refuse(401, `The delivery is not proved to be from ${sender.name}: ${verdict.why}.`);
}

function readBody(sender: Sender, { headers, body }: WebhookCall): Reading {
  const json = jsonOf(body);
  if (json === undefined) return { kind: "wrong", place: "body", detail: "is no JSON in UTF-8" };
  return sender.read(json, headers);
}

/** What is the same for every place that a delivery concerns. */
interface ReadDelivery {
  readonly sender: Sender;
  readonly told: ToldChange;
  readonly at: Instant;
  /** Changes before it, newest first; read when first asked for, and once. */
  readonly history: () => Promise<readonly ChangeEvent[]>;
}

function deliveryOf(sender: Sender, told: ToldChange, { records, now }: WebhookDeps): ReadDelivery {
  const at =
    told.at !== undefined && told.at >= instantMin && told.at < Math.min(instantMax, now + aheadMs) ? told.at : now;
  let read: Promise<readonly ChangeEvent[]> | undefined;
  const history = () => {
    read ??= records.list("changes", { range: { from: at - backMs, to: at + 1 }, limit: backMax });
    return read;
  };
  return { sender, told, at, history };
}

async function add(
  delivery: ReadDelivery,
  { target, kind, fixed }: Placed,
  options: WebhookOptions,
  { changes, records }: WebhookDeps,
): Promise<{ id: string; isNew: boolean }> {
  const { sender, told, at } = delivery;
  const id = stableId("change", sender.name, told.key, target);
  const stored = (await records.list("changes", { id, limit: 1 }))[0];
  if (stored !== undefined && told.unlessKnown === true) return { id, isNew: false };
  const after = labelsOf(told.after, options.mask);
  const before = {
    ...(await earlier(delivery, target, after, id)),
    ...labelsOf(told.before, options.mask),
  };
  const actor = told.actor === undefined ? undefined : options.actor(told.actor);
  const url = addressOf(told.url, options.mask);
  const event: ChangeEvent = {
    id,
    at,
    kind: fixed !== true && sender.name === "argocd" && sameImages(before, after) ? "config" : kind,
    target,
    summary: tidy(told.summary, options.mask, summaryMax),
    by: actor === undefined || actor === "" ? sender.name : `${sender.name}:${tidy(actor, (text) => text, 100)}`,
    source: sender.name,
    ...(Object.keys(before).length === 0 ? {} : { before }),
    ...(Object.keys(after).length === 0 ? {} : { after }),
    ...(url === undefined ? {} : { url }),
  };
  // What has no time of its own is not another change because it comes again.
  if (stored !== undefined && same(stored, told.at === undefined ? { ...event, at: stored.at } : event))
    return { id, isNew: false };
  await changes.add(event);
  return { id, isNew: true };
}

/** What the same sender said last of the same course of versions: most senders only tell what is after. */
async function earlier(
  { sender, told, history }: ReadDelivery,
  target: string,
  after: Labels,
  id: string,
): Promise<Labels> {
  if (told.course.length === 0) return {};
  const last = (await history()).find(
    (one) =>
      one.source === sender.name &&
      one.target === target &&
      one.id !== id &&
      told.course.every((fact) => one.after?.[fact] === after[fact]),
  );
  return last?.after ?? {};
}

/** A GitOps repository moved on, but what runs is the same: settings changed. */
function sameImages(before: Labels, after: Labels): boolean {
  return after["images"] !== undefined && before["images"] === after["images"] && before["commit"] !== after["commit"];
}

function labelsOf(facts: Facts | undefined, mask: WebhookOptions["mask"]): Labels {
  const entries = Object.entries(facts ?? {}).flatMap(([name, value]) => {
    const kept = value === undefined ? "" : tidy(value, mask, factMax);
    return kept === "" ? [] : [[name, kept] as const];
  });
  return Object.fromEntries(entries);
}

/** One line without control characters, as every change's summary is. */
function tidy(text: string, mask: WebhookOptions["mask"], max: number): string {
  return oneLine(mask(text.slice(0, 10 * max)), max);
}

function addressOf(url: string | undefined, mask: WebhookOptions["mask"]): string | undefined {
  if (url === undefined || url.length > urlMax || !URL.canParse(url)) return undefined;
  const { protocol, username, password } = new URL(url);
  return (protocol === "https:" || protocol === "http:") && username === "" && password === "" ? mask(url) : undefined;
}

/** Whether nothing new is said; what was before may have been found out since. */
function same(stored: ChangeEvent, event: ChangeEvent): boolean {
  const facts = ({ at, kind, summary, after }: ChangeEvent): string =>
    JSON.stringify([at, kind, summary, Object.entries(after ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))]);
  return facts(stored) === facts(event);
}
