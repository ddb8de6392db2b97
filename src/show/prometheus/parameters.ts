// Parameters of Prometheus's HTTP API: in the query, in a form, or in both.
import type { Request } from "express";
import type { LabelMatcher } from "../../model/ports/series-source.ts";
import { type DurationMs, type Instant, parseDuration } from "../../model/time.ts";
import type { ParsedQuery } from "../../promql/ast.ts";
import { parseQuery } from "../../promql/parse.ts";
import { badData } from "./answer.ts";

const instantMax = 253_402_300_799_000;

export type Parameters = URLSearchParams;

/** Of the URL, and of the form where one was posted. */
export function parametersOf(request: Request): Parameters {
  const mark = request.url.indexOf("?");
  const found = new URLSearchParams(mark < 0 ? "" : request.url.slice(mark + 1));
  if (typeof request.body === "string")
    for (const [name, value] of new URLSearchParams(request.body)) found.append(name, value);
  return found;
}

/** A time as RFC 3339 or Unix seconds, in ms. Throws `bad_data`. */
export function timeOf(given: Parameters, name: string, fallback: Instant | undefined): Instant {
  const text = given.get(name);
  if (text === null || text === "") {
    if (fallback !== undefined) return fallback;
    throw badData(`parameter "${name}" is missing: give a time as RFC 3339 or Unix seconds`);
  }
  const at = /^-?\d+(\.\d*)?(e[+-]?\d+)?$/i.test(text) ? Number(text) * 1000 : rfc3339(text);
  if (Number.isFinite(at) && Math.abs(at) <= instantMax) return Math.round(at);
  throw badData(
    `invalid parameter "${name}": cannot parse ${shown(text)} to a valid timestamp; give RFC 3339 or Unix seconds`,
  );
}

/** A duration as Prometheus writes it, or seconds, in ms. Throws `bad_data`. */
export function durationOf(given: Parameters, name: string): DurationMs {
  const text = given.get(name) ?? "";
  const ms = /^\d+(\.\d*)?(e[+-]?\d+)?$/i.test(text) ? Number(text) * 1000 : parseDuration(text);
  if (ms !== undefined && ms > 0 && Number.isFinite(ms)) return ms;
  throw badData(
    `invalid parameter "${name}": ${text === "" ? "it is missing" : `cannot parse ${shown(text)}`}; give a duration above zero such as 15s, or seconds`,
  );
}

/** A count of at most `limit` results; 0 and absence mean no limit of the asker's own. Throws `bad_data`. */
export function limitOf(given: Parameters): number {
  const text = given.get("limit");
  if (text === null || text === "" || text === "0") return Number.POSITIVE_INFINITY;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badData(`invalid parameter "limit": ${shown(text)} is not a whole number`);
}

/** The parsed `query`. Throws `bad_data` with every mistake by line and column. */
export function queryOf(given: Parameters): ParsedQuery {
  const text = given.get("query");
  if (text === null) throw badData('parameter "query" is missing');
  return parsed("query", text);
}

/** Matchers of each `match[]`. Throws `bad_data`. */
export function matchersOf(given: Parameters): readonly (readonly LabelMatcher[])[] {
  return given.getAll("match[]").map((text) => {
    const { root } = parsed("match[]", text);
    if (root.kind !== "selector" || root.rangeMs !== undefined || root.at !== undefined || root.offsetMs !== 0) {
      throw badData(`invalid parameter "match[]": ${shown(text)} is not a plain series selector`);
    }
    return root.matchers;
  });
}

function parsed(name: string, text: string): ParsedQuery {
  const query = parseQuery(text);
  if (!("errors" in query)) return query;
  const mistakes = query.errors.map(({ line, column, message }) => `${line}:${column}: ${message}`).join("; ");
  throw badData(`invalid parameter "${name}": ${mistakes}`);
}

function rfc3339(text: string): number {
  // A `+` that was not percent-encoded arrives as a space.
  const plain = text.replace(/ (\d\d:\d\d)$/, "+$1");
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(plain) ? Date.parse(plain) : Number.NaN;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
