// What changed in a stretch of time, and what cannot be said because nobody who would tell has been heard.
import type { ChangeEvent } from "../model/change.ts";
import type { EntityId } from "../model/entity.ts";
import type { DurationMs, Instant, TimeRange } from "../model/time.ts";
import {
  type Aspect,
  type AspectState,
  aspects,
  type KnownChange,
  type StoredFact,
  type WhatChanged,
} from "../model/what-changed.ts";
import { byText } from "../promql/order.ts";
import { grouped } from "./grouped.ts";

export interface Told {
  readonly facts: readonly StoredFact[];
  /** There are more facts than these: what they do not tell of may have changed. */
  readonly truncated: boolean;
  /** Change events in the stretch, and the newest of all others up to a day after it. */
  readonly events: readonly ChangeEvent[];
}

/** Whoever tells of changes has been heard within this time of the stretch, or is not known to still do it. */
export const eventsFreshMs: DurationMs = 24 * 3_600_000;
/** Telemetry speaks all the time: silence of this length is silence. */
const factsFreshMs = 10 * 60_000;
/** A fact that was said this long before the stretch is what was before. */
export const factsBackMs: DurationMs = 24 * 3_600_000;
const entitiesTold = 4;

const titles: Readonly<Record<Aspect, string>> = {
  image: "image",
  flags: "flags",
  model: "model",
  lora: "LoRA",
  prompt: "prompt template",
  driver: "driver",
  config: "config",
};

/**
 * "Nothing changed" is said of an aspect where telemetry states it at both ends of the stretch, or where change events of it
 * are known to come. Blind to: a change and its undoing between two scrapes; a fact that is told under the same value though
 * it changed (a tag that was moved); values that differ from one replica to the next are compared with its own past only.
 */
export function whatChanged(
  { facts, truncated, events }: Told,
  range: TimeRange,
  about?: { readonly entity: EntityId; readonly related: ReadonlySet<EntityId> },
): WhatChanged {
  const isAbout = (entity: EntityId): boolean => about === undefined || about.related.has(entity);
  const ownFacts = facts.filter(({ entity }) => isAbout(entity));
  const told = events.filter(({ at, target }) => at >= range.from && at < range.to && isAbout(target));
  const changes = [...together(changesOf(ownFacts, range)), ...told.map(eventChange)].toSorted((a, b) => a.at - b.at);
  const states = aspects.map((aspect) => stateOf(aspect, { facts: ownFacts, truncated, events }, changes, range));
  return {
    range,
    ...(about === undefined ? {} : { entity: about.entity }),
    says: sentenceOf(changes, states),
    changes,
    aspects: states,
  };
}

/** What an event is about: by what it says was before and after, else by its kind. */
export function aspectOf({ kind, before, after }: ChangeEvent): Aspect | "other" {
  const keys = Object.keys({ ...before, ...after }).join(" ");
  const patterns: readonly [RegExp, Aspect][] = [
    [/lora|adapter/i, "lora"],
    [/prompt/i, "prompt"],
    [/driver|cuda|kernel/i, "driver"],
    [/image|version|digest|tag\b/i, kind === "model" ? "model" : "image"],
    [/model/i, "model"],
    [/flag|arg/i, "flags"],
  ];
  const found = patterns.find(([pattern]) => pattern.test(keys))?.[1];
  // Settings of an engine are named like anything: a change of configuration is one unless it says that it is a prompt, a LoRA or a driver.
  if (kind === "config") return found === "lora" || found === "prompt" || found === "driver" ? found : "config";
  if (kind === "deploy") return found ?? "image";
  if (kind === "model") return found ?? "model";
  return found ?? "other";
}

interface FactChange {
  readonly at: Instant;
  readonly entity: EntityId;
  readonly aspect: Aspect;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly beside: boolean;
}

function changesOf(facts: readonly StoredFact[], range: TimeRange): readonly FactChange[] {
  const byFact = grouped(facts, ({ entity, name }) => `${entity} ${name}`);
  return [...byFact.values()].flatMap((values) => {
    const found: FactChange[] = [];
    for (const one of values) {
      const others = values.filter((other) => other !== one && other.firstAt < one.firstAt);
      const { entity, aspect, name, value } = one;
      if (one.firstAt >= range.from && one.firstAt < range.to && others.length > 0) {
        const before = others.toSorted((a, b) => b.firstAt - a.firstAt)[0]!;
        const beside = before.lastAt > one.firstAt + factsFreshMs && before.lastAt >= one.lastAt - factsFreshMs;
        // What outlives the newcomer was taken back to; what stays beside it to the end is another of several.
        const both = beside && range.to - one.lastAt < factsFreshMs;
        found.push({ at: one.firstAt, entity, aspect, name, from: before.value, to: value, beside: both });
      }
      const survivor = others.find(({ lastAt }) => lastAt > one.lastAt + factsFreshMs);
      const ended = one.lastAt >= range.from && one.lastAt < range.to - factsFreshMs;
      if (survivor !== undefined && ended)
        found.push({ at: one.lastAt, entity, aspect, name, from: value, to: survivor.value, beside: false });
    }
    return found;
  });
}

/** The same change of several, as a rollout makes it, is one. */
function together(changes: readonly FactChange[]): readonly KnownChange[] {
  const same = grouped(changes, ({ name, from, to, beside }) => JSON.stringify([name, from, to, beside]));
  return [...same.values()].map((group): KnownChange => {
    const times = group.map(({ at }) => at);
    const { aspect, name, from, to, beside } = group[0]!;
    const entities = [...new Set(group.map(({ entity }) => entity))].toSorted(byText);
    const what = beside ? `${name}: ${to} came beside ${from}` : `${name}: ${from} -> ${to}`;
    const [at, until] = [Math.min(...times), Math.max(...times)];
    return { at, until, aspect, entities, says: `${what} on ${listed(entities)}`, source: "telemetry" };
  });
}

function eventChange(event: ChangeEvent): KnownChange {
  const { id, at, kind, target, summary, by } = event;
  return {
    ...{ at, until: at, aspect: aspectOf(event), entities: [target], says: summary, source: "event", event: id, kind },
    ...(by === undefined ? {} : { by }),
  };
}

function stateOf(
  aspect: Aspect,
  { facts, truncated, events }: Told,
  changes: readonly KnownChange[],
  range: TimeRange,
): AspectState {
  const own = facts.filter((fact) => fact.aspect === aspect);
  const said = newest(own.map(({ lastAt }) => lastAt));
  const told = newest(events.filter((event) => aspectOf(event) === aspect).map(({ at }) => at));
  const heard = [
    ...(said === undefined ? [] : [{ source: "telemetry" as const, at: said }]),
    ...(told === undefined ? [] : [{ source: "event" as const, at: told }]),
  ];
  const title = titles[aspect];
  const changed = changes.filter((change) => change.aspect === aspect).length;
  if (changed > 0) return { aspect, state: "changed", says: `${title}: changed`, heard };
  const before = own.some(({ firstAt }) => firstAt <= range.from);
  if (!truncated && said !== undefined && said >= range.to - factsFreshMs && before)
    return { aspect, state: "unchanged", says: `${title}: nothing changed, telemetry says it throughout`, heard };
  if (told !== undefined && told >= range.from - eventsFreshMs)
    return { aspect, state: "unchanged", says: `${title}: nothing changed, and changes of it are told`, heard };
  return {
    aspect,
    state: "unknown",
    says: `${title}: nothing known; ${whyUnknown(said, told, truncated, range)}`,
    heard,
  };
}

function whyUnknown(
  said: Instant | undefined,
  told: Instant | undefined,
  truncated: boolean,
  range: TimeRange,
): string {
  const parts: string[] = [];
  if (truncated) parts.push("telemetry says more than is looked through, ask of a shorter time");
  else if (said === undefined) parts.push("no telemetry says what it is");
  else if (said < range.to - factsFreshMs) parts.push(`telemetry has not said what it is since ${textOf(said)}`);
  else parts.push("telemetry says what it is only from within this time on");
  parts.push(
    told === undefined ? "no change event of it was ever heard" : `no change event of it since ${textOf(told)}`,
  );
  return parts.join(", ");
}

function sentenceOf(changes: readonly KnownChange[], states: readonly AspectState[]): string {
  const names = (state: AspectState["state"]): string =>
    states
      .filter((one) => one.state === state)
      .map(({ aspect }) => titles[aspect])
      .join(", ");
  const [unchanged, unknown] = [names("unchanged"), names("unknown")];
  const open = unknown === "" ? "" : `nothing known of ${unknown}`;
  if (changes.length === 0 && unknown === "") return "nothing changed";
  if (changes.length === 0) return unchanged === "" ? open : `nothing changed in ${unchanged}; ${open}`;
  const count = `${changes.length} change${changes.length === 1 ? "" : "s"}`;
  return [count, ...(unchanged === "" ? [] : [`nothing changed in ${unchanged}`]), ...(open === "" ? [] : [open])].join(
    "; ",
  );
}

function newest(times: readonly Instant[]): Instant | undefined {
  return times.length === 0 ? undefined : times.reduce((a, b) => Math.max(a, b));
}

function listed(entities: readonly EntityId[]): string {
  const told = entities.slice(0, entitiesTold).join(", ");
  return entities.length > entitiesTold ? `${told} and ${entities.length - entitiesTold} more` : told;
}

function textOf(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")}Z`;
}
