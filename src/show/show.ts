// The HTTP server of the room: one Express app over the list of routes, started and stopped as a whole.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import type { Principal } from "../model/principal.ts";
import {
  createAuthenticate,
  createRateLimit,
  crossSite,
  forbids,
  isLoopback,
  type RateLimit,
  type Token,
} from "./access.ts";
import { createEventStream, type EventStream } from "./event-stream.ts";
import { answerProblems, type Refusal, refuse, sendProblem } from "./problem.ts";
import { noParameters, parseParameters } from "./query.ts";
import type { Route, ShowDeps } from "./route.ts";
import { routes } from "./routes.ts";

export interface ShowOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** None: only this machine may ask, and may do everything. */
  readonly tokens?: readonly Token[];
  readonly version: string;
  readonly limits?: Partial<ShowLimits>;
}

export interface ShowLimits {
  /** Requests a second for each principal, or address without one, in the long run and at once. */
  readonly requestsPerSecond: number;
  readonly requestsBurst: number;
  readonly rateKeys: number;
  readonly followers: number;
  readonly unreadBytes: number;
  readonly heartbeatMs: number;
}

export interface Show {
  readonly port: number;
  readonly url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Why the server could not start, with what to do in the message. */
export interface StartError extends Error {
  readonly code: "PORT_IN_USE" | "ADDRESS_UNUSABLE" | "OPEN_WITHOUT_TOKENS";
}

const limitsDefault: ShowLimits = {
  requestsPerSecond: 50,
  requestsBurst: 300,
  rateKeys: 10_000,
  followers: 100,
  unreadBytes: 1_048_576,
  heartbeatMs: 15_000,
};
const bodyBytesMax = 256 * 1024;

/** Starts to listen. Rejects with a {@link StartError}. */
export async function startShow(options: ShowOptions, deps: ShowDeps): Promise<Show> {
  const tokens = options.tokens ?? [];
  if (tokens.length === 0 && !isLoopback(options.host)) {
    throw startError(
      "OPEN_WITHOUT_TOKENS",
      `show.host ${options.host} can be reached by others, but show.tokens is empty: configure a token or listen on 127.0.0.1`,
    );
  }
  const limits = { ...limitsDefault, ...options.limits };
  const stream = createEventStream(deps.feed, deps.telemetry, {
    run: Math.trunc(deps.now()).toString(36),
    clientsMax: limits.followers,
    unreadBytesMax: limits.unreadBytes,
    heartbeatMs: limits.heartbeatMs,
  });
  const rate = createRateLimit({
    perSecond: limits.requestsPerSecond,
    burst: limits.requestsBurst,
    keysMax: limits.rateKeys,
    now: deps.now,
    telemetry: deps.telemetry,
  });
  const app = createApp(tokens, options.version, deps, stream, rate);
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5000 },
    app,
  );
  server.maxHeadersCount = 100;
  server.maxConnections = 1000;
  try {
    await listen(server, options.host, options.port);
  } catch (error) {
    stream.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    port,
    url: `http://${host === "0.0.0.0" || host === "[::]" ? "localhost" : host}:${port}`,
    async [Symbol.asyncDispose]() {
      stream.close();
      await close(server);
    },
  };
}

function createApp(
  tokens: readonly Token[],
  version: string,
  deps: ShowDeps,
  stream: EventStream,
  rate: RateLimit,
): Express {
  const authenticate = createAuthenticate(tokens);
  const principals = new WeakMap<Request, Principal>();
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("trust proxy", false);
  app.set("query parser", false);
  app.set("case sensitive routing", true);
  app.set("strict routing", true);

  app.use((request: Request, response: Response, next: NextFunction) => {
    response.set(securityHeaders);
    const found = authenticate(request);
    const refusal = found !== undefined && "refused" in found ? found : undefined;
    const principal = refusal === undefined ? (found as Principal | undefined) : undefined;
    const key = principal === undefined ? `address ${request.socket.remoteAddress}` : `principal ${principal.name}`;
    // A wrong token costs more, so that guessing is slow; whoever has a right one is not held up by others' guesses.
    const waitSeconds = rate.spend(key, refusal === undefined ? 1 : 10);
    if (waitSeconds > 0) {
      deps.telemetry.count("homeostat.show.refused", 1, { reason: "rate" });
      const headers = { "retry-after": String(waitSeconds) };
      sendProblem(request, response, refuse(429, `Too many requests. Wait ${waitSeconds} s.`, { headers }));
    } else if (refusal !== undefined) {
      deps.telemetry.count("homeostat.show.refused", 1, { reason: "credentials" });
      audit(request, refusal, undefined, deps);
      sendProblem(request, response, refusal);
    } else {
      if (principal !== undefined) principals.set(request, principal);
      next();
    }
  });

  for (const [path, here] of byPath(routes)) {
    const methods = here.map(({ method }) => (method === "get" ? "GET, HEAD" : method.toUpperCase()));
    const allow = [...methods, "OPTIONS"].join(", ");
    for (const route of here) {
      const guard = (request: Request, _response: Response, next: NextFunction): void => {
        const principal = principals.get(request);
        const refusal: Refusal | undefined =
          (hasProof(route, request, deps) ? undefined : forbids(principal, route.needs)) ??
          (route.method === "get"
            ? undefined
            : crossSite(request, route.body !== undefined || route.raw !== undefined));
        const checked = route.parameters === noParameters && route.foreign !== true;
        if (refusal === undefined && checked) parseParameters(noParameters, request.url);
        if (refusal !== undefined && route.audited === true) audit(request, refusal, principal, deps);
        next(refusal);
      };
      const handle = (request: Request, response: Response): Promise<void> | void =>
        route.handle({ request, response, principal: principals.get(request), deps, stream, version });
      const type = "application/x-www-form-urlencoded";
      if (route.form === true)
        app[route.method](path, guard, express.text({ type, limit: bodyBytesMax, inflate: false }), handle);
      else if (route.raw !== undefined)
        app[route.method](
          path,
          guard,
          express.raw({ type: "application/json", limit: route.raw, inflate: false }),
          handle,
        );
      else if (route.body === undefined) app[route.method](path, guard, handle);
      else app[route.method](path, guard, express.json({ limit: bodyBytesMax, inflate: false }), handle);
    }
    app.options(path, (_request, response) => void response.status(204).set("allow", allow).end());
    app.all(path, (request, response) => {
      const detail = `${path} does not take ${request.method.slice(0, 16)}. Use ${allow}.`;
      sendProblem(request, response, refuse(405, detail, { headers: { allow } }));
    });
  }
  app.use((request: Request, response: Response) => {
    sendProblem(request, response, refuse(404, "There is nothing at this path. /openapi.json lists what there is."));
  });
  app.use(answerProblems(deps.telemetry));
  return app;
}

/** Those who are turned away from what decides are in the ledger, by name where they have one. */
function audit(request: Request, { detail }: Refusal, principal: Principal | undefined, { act }: ShowDeps): void {
  const route = routes.find(({ audited, path, method }) => {
    const pattern = new RegExp(`^${path.replaceAll(":id", "[^/]+")}$`);
    return audited === true && method.toUpperCase() === request.method && pattern.test(request.path);
  });
  if (route === undefined) return;
  void act.turnedAway(principal?.name ?? "somebody unknown", `${request.method} ${route.path}: ${detail}`);
}

/** Whether the sender proves who it is by a secret of its own, which the handler judges. */
function hasProof({ signed }: Route, request: Request, { webhooks }: ShowDeps): boolean {
  if (signed === "receiver") return webhooks.door.isSigned(request.headers);
  return signed !== undefined && (webhooks.secrets[signed]?.length ?? 0) > 0;
}

const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
};

function byPath(all: readonly Route[]): Map<string, Route[]> {
  const paths = new Map<string, Route[]>();
  for (const route of all) paths.set(route.path, [...(paths.get(route.path) ?? []), route]);
  return paths;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const where = `${host}:${port}`;
      if (error.code === "EADDRINUSE") {
        const text = `port ${port} on ${host} is in use: stop what listens there, or choose another with show.port (0 = any free one)`;
        reject(startError("PORT_IN_USE", text));
      } else {
        const text = `cannot listen on ${where} (${error.code ?? error.message}): choose another show.host or show.port`;
        reject(startError("ADDRESS_UNUSABLE", text));
      }
    };
    server.once("error", fail);
    server.listen(port, host, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

/** Lets answers under way finish for a second, then cuts what is left. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), 1000);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function startError(code: StartError["code"], message: string): StartError {
  return Object.assign(new Error(message), { name: "StartError", code });
}
