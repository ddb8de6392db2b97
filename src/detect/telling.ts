// Sentences for the person on call.
import type { Entity } from "../model/entity.ts";
import type { Evidence } from "../model/evidence.ts";
import { type Signal, type SignalId, signalOf } from "../model/signal.ts";
import { type DurationMs, formatDuration, type Instant } from "../model/time.ts";

export interface Band {
  readonly low: number;
  readonly high: number;
}

/** What a signal had to do with an oddness of several, `share` 0..1. */
export interface SignalPart {
  readonly signal: SignalId;
  readonly observed: number;
  readonly expected: Band;
  readonly share: number;
}

/** `KV-cache use of vllm-2 is 82 %; 10 to 40 % is normal for it; full in 12 min at this pace.` The last clause is `note`. */
export function tellLevel(
  entity: Entity,
  id: SignalId,
  at: Instant,
  observed: number,
  expected: Band,
  note?: string,
): Evidence {
  return {
    kind: "anomaly",
    says: levelSentence(signalOf(id), entity.name, observed, expected, note),
    at,
    entity: entity.id,
    subject: id,
    observed,
    expected,
  };
}

/** Of any canonical signal, judged or not. */
export function levelSentence(
  { title, unit }: Pick<Signal<string>, "title" | "unit">,
  name: string,
  observed: number,
  expected: Band,
  note?: string,
): string {
  const normal = Number.isNaN(expected.low) ? "" : `; ${range(expected, unit)} is normal for it`;
  const isWithin = observed >= expected.low && observed <= expected.high;
  const why = note ?? (isWithin ? "it was beyond that shortly before" : undefined);
  return `${title} of ${name} is ${withUnit(observed, unit)}${normal}${why === undefined ? "" : `; ${why}`}.`;
}

const runs = {
  "flat-line": (name: string, lasted: string) =>
    `All gauges of ${name} have repeated the same values for ${lasted} with requests running`,
  dropout: (name: string, lasted: string) => `${name} has sent no telemetry for ${lasted}`,
  absence: (name: string, lasted: string) => `${name} alone of its siblings has sent no telemetry for ${lasted}`,
};

/** Of a replica whose gauges stand still, or that sends nothing, for `lastedMs`. */
export function tellRun(entity: Entity, kind: keyof typeof runs, at: Instant, lastedMs: DurationMs): Evidence {
  const what = runs[kind](entity.name, formatDuration(lastedMs));
  return {
    kind: "anomaly",
    says: `${what}, longer than it ever does.`,
    at,
    entity: entity.id,
    subject: kind,
    observed: lastedMs / 1000,
  };
}

/** Of one signal's part in a joint anomaly. */
export function tellPart(entity: Entity, part: SignalPart, at: Instant): Evidence {
  const { signal: id, observed, expected, share } = part;
  const signal = signalOf(id);
  const suggested = range(expected, signal.unit);
  return {
    kind: "anomaly",
    says: `${signal.title} of ${entity.name} is ${withUnit(observed, signal.unit)} where its other signals suggest ${suggested} (${Math.round(share * 100)} % of the oddness).`,
    at,
    entity: entity.id,
    subject: id,
    observed,
    expected,
  };
}

function withUnit(value: number, unit: string): string {
  const { factor, name } = shown(value, unit);
  const digits = number(value * factor);
  return `${digits} ${name(digits === "1")}`;
}

/** Both ends in the unit that suits the upper one. */
function range({ low, high }: Band, unit: string): string {
  const { factor, name } = shown(high, unit);
  return `${number(low * factor)} to ${number(high * factor)} ${name(false)}`;
}

interface Shown {
  readonly factor: number;
  readonly name: (isOne: boolean) => string;
}

/** How a value of a UCUM unit is shown to people; `{request}/s` counts requests. */
function shown(value: number, unit: string): Shown {
  if (unit === "1") return { factor: 100, name: () => "%" };
  if (unit === "s" && Math.abs(value) < 1) return { factor: 1000, name: () => "ms" };
  return { factor: 1, name: (isOne) => unit.replace(/\{(\w+)\}/, (_, noun: string) => (isOne ? noun : plural(noun))) };
}

function plural(noun: string): string {
  if (noun.endsWith("y")) return `${noun.slice(0, -1)}ies`;
  return /(s|x|ch)$/.test(noun) ? `${noun}es` : `${noun}s`;
}

/** Three digits; a band around an exact zero has a width for arithmetic's sake only. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) < 1e-7 ? "0" : String(Number(value.toPrecision(3)));
}
