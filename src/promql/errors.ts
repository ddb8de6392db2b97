// What can be wrong with a query: before evaluation (a list of mistakes), and during it (a failure that names its cause).
import type { Span } from "./ast.ts";

/** A mistake in the text of a query. Line and column count from 1; columns are UTF-16 code units. */
export interface QueryError {
  /** `unsupported` = Prometheus would take it, this evaluator refuses it; the message names it and says why. */
  readonly kind: "syntax" | "type" | "unsupported";
  readonly message: string;
  readonly span: Span;
  readonly line: number;
  readonly column: number;
}

export function queryError(text: string, kind: QueryError["kind"], message: string, span: Span): QueryError {
  return { kind, message, span, ...positionOf(text, span.from) };
}

/** Line and column, both from 1. */
export function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
}

/**
 * Why an evaluation gave no result.
 * `limit`: too much was asked for, `limit` names which bound; `query`: the data does not fit the query, for example
 * a many-to-many match; `source`: the source broke its contract.
 */
export interface QueryFailure extends Error {
  readonly name: "QueryFailure";
  readonly reason: "limit" | "query" | "source";
  readonly limit?: LimitName;
}

export type LimitName = "maxSeries" | "maxSamples" | "maxSteps";

/** Evaluation throws (or rejects with) these; anything else that comes out of it is a bug, or the source's own error. */
export function isQueryFailure(error: unknown): error is QueryFailure {
  return error instanceof Error && error.name === "QueryFailure";
}

export function queryFailure(message: string): QueryFailure {
  return Object.assign(new Error(message), { name: "QueryFailure", reason: "query" } as const);
}

export function limitFailure(limit: LimitName, message: string): QueryFailure {
  return Object.assign(new Error(message), { name: "QueryFailure", reason: "limit", limit } as const);
}

export function sourceFailure(message: string): QueryFailure {
  return Object.assign(new Error(message), { name: "QueryFailure", reason: "source" } as const);
}
