// Who may send, and as which tenant.
import { createHash, timingSafeEqual } from "node:crypto";
import { defaultTenant } from "../model/tenant.ts";

export interface Credential {
  readonly kind: "bearer" | "basic";
  /** The token, or `user:password`. */
  readonly secret: string;
  readonly tenant: string;
}

/** Tenant of the request with this Authorization header; undefined if it may not send. */
export type Authenticate = (authorization: string | undefined) => string | undefined;

/** Secrets are compared by hash, every one of them, in constant time: an answer's delay tells nothing. */
export function createAuthenticate(credentials: readonly Credential[]): Authenticate {
  const known = credentials.map(({ kind, secret, tenant }) => ({ hash: digest(kind, secret), tenant }));
  return (authorization) => {
    if (known.length === 0) return defaultTenant;
    const [, scheme = "", value = ""] = /^(\S+) +(\S+) *$/.exec(authorization ?? "") ?? [];
    const kind = scheme.toLowerCase();
    const given = digest(kind, kind === "basic" ? Buffer.from(value, "base64").toString("utf8") : value);
    let tenant: string | undefined;
    for (const credential of known) if (timingSafeEqual(credential.hash, given)) tenant ??= credential.tenant;
    return tenant;
  };
}

function digest(kind: string, secret: string): Buffer {
  return createHash("sha256").update(`${kind} ${secret}`).digest();
}
