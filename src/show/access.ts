// Who is asking, whether they may, and how often: bearer tokens, roles, cross-site guards, rate limits.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Request } from "express";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Principal, Role } from "../model/principal.ts";
import { type Refusal, refuse } from "./problem.ts";

export interface Token {
  readonly name: string;
  readonly secret: string;
  readonly roles: readonly Role[];
  readonly tenant?: string;
}

/** `public` needs no principal. */
export type Needs = Role | "public";

/** Tells the principal of a request, undefined without credentials, or why it is refused. */
export type Authenticate = (request: IncomingMessage) => Principal | undefined | Refusal;

const local: Principal = { name: "local", tenant: "default", roles: ["viewer", "operator", "approver", "admin"] };

/**
 * With tokens: `Authorization: Bearer …`, compared as SHA-256 in constant time, every token each time.
 * Without: whoever is on this machine is `local`. A page of another site that made its name resolve to this machine
 * (DNS rebinding) and a proxy that forwards strangers are told by the Host and forwarding headers and refused.
 */
export function createAuthenticate(tokens: readonly Token[]): Authenticate {
  if (tokens.length === 0) return authenticateLocal;
  const known = tokens.map((token) => ({
    hash: sha256(token.secret),
    principal: { name: token.name, tenant: token.tenant ?? "default", roles: token.roles },
  }));
  return (request) => {
    const header = request.headers.authorization;
    if (header === undefined) return undefined;
    const offered = /^Bearer +(\S+)$/i.exec(header);
    const hash = sha256(offered?.[1] ?? "");
    let found: Principal | undefined;
    for (const token of known) if (timingSafeEqual(token.hash, hash)) found = token.principal;
    if (offered !== null && found !== undefined) return found;
    return refuse(401, "The token is not known. Send one of show.tokens as `Authorization: Bearer TOKEN`.", {
      headers: { "www-authenticate": 'Bearer realm="homeostat", error="invalid_token"' },
    });
  };
}

/** Why this principal may not do what needs `needs`; undefined if it may. An admin may do everything, any role may read. */
export function forbids(principal: Principal | undefined, needs: Needs): Refusal | undefined {
  if (needs === "public") return undefined;
  if (principal === undefined) {
    return refuse(401, "This needs a token. Send one of show.tokens as `Authorization: Bearer TOKEN`.", {
      headers: { "www-authenticate": 'Bearer realm="homeostat"' },
    });
  }
  const { roles } = principal;
  if (roles.includes("admin") || roles.includes(needs) || (needs === "viewer" && roles.length > 0)) return undefined;
  return refuse(403, `This needs the role ${needs}, which ${principal.name} does not have. Use a token that has it.`);
}

/**
 * Why a request that changes state is refused: a body that is not JSON (which a foreign page can send unasked), or another
 * site. A request without a body is a DELETE, which browsers never send to another site unasked.
 */
export function crossSite(request: Request, hasBody: boolean): Refusal | undefined {
  const type = (request.headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
  if (hasBody && type !== "application/json") return refuse(415, "Send the body as content-type application/json.");
  const origin = request.headers.origin;
  const site = request.headers["sec-fetch-site"];
  const foreign = refuse(403, "Requests from pages of other sites are refused. Call the API from a program.");
  if (typeof site === "string" && site !== "same-origin" && site !== "none") return foreign;
  if (origin !== undefined && hostOf(origin) !== request.headers.host) return foreign;
  return undefined;
}

export function isLoopback(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, "").replace(/^::ffff:/i, "");
  return plain === "::1" || plain === "localhost" || /^127\.\d+\.\d+\.\d+$/.test(plain);
}

export interface RateLimit {
  /** Takes `cost` from `key`'s budget: 0 if there was enough, else the seconds to wait. */
  spend(key: string, cost?: number): number;
}

/**
 * Token buckets (Turner 1986), one a key. At most `keysMax` keys are remembered; the one unused longest is forgotten and
 * so gets a full budget, which is counted.
 */
export function createRateLimit(options: {
  readonly perSecond: number;
  readonly burst: number;
  readonly keysMax: number;
  readonly now: () => number;
  readonly telemetry: Telemetry;
}): RateLimit {
  const { perSecond, burst, keysMax, now, telemetry } = options;
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    spend(key, cost = 1) {
      const at = now();
      const bucket = buckets.get(key) ?? { left: burst, at };
      // A clock that steps back must not take budget away.
      bucket.left = Math.min(burst, bucket.left + (Math.max(0, at - bucket.at) / 1000) * perSecond);
      bucket.at = at;
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > keysMax) {
        buckets.delete(buckets.keys().next().value!);
        telemetry.count("homeostat.show.dropped", 1, { reason: "rate-limit-key" });
      }
      if (bucket.left < cost) return Math.ceil((cost - bucket.left) / perSecond);
      bucket.left -= cost;
      return 0;
    },
  };
}

function authenticateLocal(request: IncomingMessage): Principal | Refusal {
  const host = hostOf(`http://${request.headers.host ?? ""}`)?.replace(/:\d+$/, "");
  const forwarded = request.headers.forwarded ?? request.headers["x-forwarded-for"];
  const here = host !== undefined && (isLoopback(host) || host.endsWith(".localhost"));
  if (isLoopback(request.socket.remoteAddress ?? "") && here && forwarded === undefined) return local;
  return refuse(403, "Without show.tokens only this machine may ask, by localhost. Configure show.tokens to open it.");
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
