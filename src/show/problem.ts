// Errors at this door: RFC 9457 problem documents that say what, where and what to do, and nothing of our insides.
import type { NextFunction, Request, Response } from "express";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Problem } from "./contract.ts";

/** An answer other than the one asked for. Handlers throw it; {@link answerProblems} writes it. */
export interface Refusal {
  readonly refused: true;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly { readonly parameter: string; readonly detail: string }[];
  readonly headers?: Readonly<Record<string, string>>;
}

export function refuse(
  status: number,
  detail: string,
  more: { errors?: Refusal["errors"]; headers?: Refusal["headers"] } = {},
): Refusal {
  return {
    refused: true,
    status,
    detail,
    ...(more.errors === undefined ? {} : { errors: more.errors }),
    ...(more.headers === undefined ? {} : { headers: more.headers }),
  };
}

/** Names the places that are wrong, with nothing of the posted values. */
export function refuseIssues(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): Refusal {
  const errors = issues.slice(0, 5).map(({ path, message }) => ({
    parameter: placeOf(path) || "body",
    detail: message.replace(/"[^"]*"/g, "key").slice(0, 200),
  }));
  return refuse(400, `${errors[0]!.parameter}: ${errors[0]!.detail}.`, { errors });
}

/** `a.0.b`, empty for the whole. Keys may be posted ones: only harmless characters are echoed, and not many. */
export function placeOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) =>
      String(part)
        .replace(/[^\w.-]/g, "?")
        .slice(0, 64),
    )
    .join(".");
}

export function sendProblem(request: Request, response: Response, refusal: Refusal): void {
  const problem: Problem = {
    type: "about:blank",
    title: titles[refusal.status] ?? "Error",
    status: refusal.status,
    detail: refusal.detail,
    instance: request.path.slice(0, 200),
    ...(refusal.errors === undefined ? {} : { errors: refusal.errors }),
  };
  response.status(refusal.status).set("cache-control", "no-store");
  for (const [name, value] of Object.entries(refusal.headers ?? {})) response.set(name, value);
  response.type("application/problem+json").send(JSON.stringify(problem));
}

/** Runs something of the store; what fails there is "try again", not "you asked wrongly". */
export async function fromStore<T>(telemetry: Telemetry, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    telemetry.log.error(`${what} failed`, { error: error instanceof Error ? error.message : String(error) });
    telemetry.count("homeostat.show.store_errors", 1);
    throw storeRefusal;
  }
}

/** Express' last stop: every thrown thing becomes a problem document. */
export function answerProblems(telemetry: Telemetry) {
  // Express tells an error handler by its four parameters.
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const refusal = isRefusal(error) ? error : refusalOf(error);
    if (refusal.status >= 500 && !isRefusal(error)) {
      telemetry.log.error("request failed", {
        method: request.method,
        path: request.path.slice(0, 200),
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
    sendProblem(request, response, refusal);
  };
}

const storeRefusal = refuse(503, "The store did not answer. Try again in a few seconds; /readyz says what is wrong.", {
  headers: { "retry-after": "5" },
});

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  405: "Method Not Allowed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

function isRefusal(error: unknown): error is Refusal {
  return typeof error === "object" && error !== null && (error as Partial<Refusal>).refused === true;
}

/** Errors of Express and its body parser carry a status and a type. Their texts may quote input, so they are not passed on. */
function refusalOf(error: unknown): Refusal {
  const { status, type, limit } = (typeof error === "object" && error !== null ? error : {}) as {
    status?: unknown;
    type?: unknown;
    limit?: unknown;
  };
  if (status === 413) {
    const kib = typeof limit === "number" ? Math.floor(limit / 1024) : 256;
    return refuse(413, `The body is longer than ${kib} kB. Send less at a time.`);
  }
  if (type === "entity.parse.failed") return refuse(400, "The body is not a JSON object or list. Check its syntax.");
  if (status === 415) return refuse(415, "The body's encoding is not supported. Send plain UTF-8 application/json.");
  if (status === 400)
    return refuse(400, "The request is malformed. Check the path's percent-encoding and the body's length.");
  return refuse(500, "Something went wrong inside Homeostat. Its log says what; please report it.");
}
