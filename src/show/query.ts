// Query parameters of the list routes, checked by name: what is wrong with them and what to write instead.
import { z } from "zod";
import { type Instant, parseDuration, type TimeRange } from "../model/time.ts";
import { placeOf, type Refusal, refuse } from "./problem.ts";
import { instantMax } from "./schemas.ts";

export const limitMax = 1000;
export const limitDefault = 100;
const dayMs = 86_400_000;
/** Longer stretches are not looked into at once. */
export const rangeMaxMs = 31 * dayMs;
const textMax = 128;
const howToTell = "write RFC 3339 such as 2026-01-31T12:00:00Z, Unix milliseconds, now, or a time ago such as -1h";

export interface ListQuery {
  readonly range: TimeRange | undefined;
  /** Both ends of the range were given. */
  readonly bounded: boolean;
  readonly limit: number;
  /** Where the page before ended. */
  readonly after: Cursor | undefined;
}

/** Everything newer than `at` was given, and the newest `given` records of exactly `at`. */
export interface Cursor {
  readonly at: Instant;
  readonly given: number;
}

/** A parameter that is a point in time, for {@link parseInstant}. */
export const time = (what: string) =>
  z.string().max(textMax, `is too long; ${howToTell}`).optional().describe(`${what} RFC 3339, Unix ms, now, or -1h.`);

/** Parameters of every list route, as documented. */
export const listParameters = z.strictObject({
  from: time("Start of the time range, inclusive:"),
  to: time("End of the time range, exclusive:"),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, `must be a whole number from 1 to ${limitMax}`)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= limitMax, `must be a whole number from 1 to ${limitMax}`)
    .optional()
    .describe(`Records a page, 1 to ${limitMax}; default ${limitDefault}.`),
  after: z
    .string()
    .regex(/^\d{13}\.\d{1,6}$/, "is not a page mark; take the path in `next` of the page before as it is")
    .optional()
    .describe("Page mark, as in `next` of the page before."),
});

/** Parameters of the event stream, as documented. */
export const streamParameters = z.strictObject({
  last: z
    .string()
    .regex(/^\d{1,3}$/, "must be a whole number from 0 to 500")
    .transform(Number)
    .refine((last) => last <= 500, "must be a whole number from 0 to 500")
    .optional()
    .describe("Begin with this many recent events, 0 to 500; default 0. Last-Event-ID goes before it."),
});

export const noParameters = z.strictObject({});

/** The parameters of `url` by `schema`. Throws a {@link Refusal} that names every wrong one. */
export function parseParameters<S extends z.ZodType>(schema: S, url: string): z.output<S> {
  const mark = url.indexOf("?");
  const given = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
  const values: Record<string, string> = Object.create(null);
  for (const [name, value] of given) {
    if (name in values) throw wrong([{ parameter: shown(name), detail: "is given twice; give it once" }]);
    values[name] = value;
  }
  // A plain prototype: schemas refuse others. Own properties only, so `__proto__` stays an unknown name.
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values))
    Object.defineProperty(plain, name, { value, enumerable: true, configurable: true, writable: true });
  const parsed = schema.safeParse(plain);
  if (parsed.success) return parsed.data;
  throw wrong(
    parsed.error.issues.flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => ({ parameter: shown(key), detail: "is not a parameter here; leave it out" }))
        : [{ parameter: issue.path.map(String).join("."), detail: issue.message }],
    ),
  );
}

/** `from`, `to`, `limit` and `after` of a list route. Throws a {@link Refusal}. */
export function parseListQuery(url: string, now: Instant): ListQuery {
  return listQueryOf(parseParameters(listParameters, url), now);
}

/** The same of parameters that are parsed already, where a route has more of them. */
export function listQueryOf(given: z.output<typeof listParameters>, now: Instant): ListQuery {
  const { from, to } = endsOf(given, now);
  const [at, count] = (given.after ?? "").split(".").map(Number);
  return {
    range: from === undefined && to === undefined ? undefined : { from: from ?? 0, to: to ?? instantMax },
    bounded: from !== undefined && to !== undefined,
    limit: given.limit ?? limitDefault,
    after: given.after === undefined ? undefined : { at: at!, given: count! },
  };
}

/**
 * `from` and `to` of a route that looks into one range: by default the day before `to`, which is by default now. Throws a
 * {@link Refusal}.
 */
export function rangeQuery(given: Ends, now: Instant): TimeRange {
  const { from, to = now } = endsOf(given, now);
  const range = { from: from ?? to - dayMs, to };
  if (range.from >= to) throw notBefore();
  if (to - range.from > rangeMaxMs)
    throw wrong([{ parameter: "from", detail: "is more than 31 days before `to`; ask for less time" }]);
  return range;
}

/** Unix ms of a point in time as people write it. Throws a {@link Refusal} that names `parameter`. */
export function parseInstant(parameter: string, text: string, now: Instant): Instant {
  if (text === "now") return now;
  const at = instantOf(text, now);
  if (at === undefined) throw wrong([{ parameter, detail: `is not a time; ${howToTell}` }]);
  if (/^\d{1,10}$/.test(text)) {
    throw wrong([{ parameter, detail: "looks like Unix seconds; give milliseconds, 13 digits" }]);
  }
  if (at < 0 || at > instantMax) throw wrong([{ parameter, detail: "is not between 1970 and 2100" }]);
  return at;
}

function instantOf(text: string, now: Instant): Instant | undefined {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const ago = /^-(.+)$/.exec(text)?.[1];
  if (ago !== undefined) {
    const duration = parseDuration(ago);
    return duration === undefined ? undefined : Math.max(0, now - duration);
  }
  // A `+` that was not percent-encoded arrives as a space.
  const rfc3339 = text.replace(/ (\d\d:\d\d)$/, "+$1");
  return z.iso.datetime({ offset: true }).safeParse(rfc3339).success ? Date.parse(rfc3339) : undefined;
}

interface Ends {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

function endsOf(given: Ends, now: Instant): { from: Instant | undefined; to: Instant | undefined } {
  const from = given.from === undefined ? undefined : parseInstant("from", given.from, now);
  const to = given.to === undefined ? undefined : parseInstant("to", given.to, now);
  if (from !== undefined && to !== undefined && from >= to) throw notBefore();
  return { from, to };
}

const notBefore = (): Refusal =>
  wrong([{ parameter: "from", detail: "is not before `to`; the range is from inclusive to exclusive" }]);

function wrong(errors: readonly { parameter: string; detail: string }[]): Refusal {
  const detail = errors.map((error) => `${error.parameter} ${error.detail}`).join("; ");
  return refuse(400, `${detail}.`, { errors });
}

function shown(name: string): string {
  return placeOf([name]) || "(empty name)";
}
