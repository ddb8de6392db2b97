// Who may send, and as which tenant.
import { createHash, timingSafeEqual } from "node:crypto";
import { defaultTenant } from "../model/tenant.ts";
import { type ClientCertificate, type Peer, tenantOfCertificate } from "./tls.ts";

export interface Credential {
  readonly kind: "bearer" | "basic";
  /** The token, or `user:password`. */
  readonly secret: string;
  readonly tenant: string;
}

/** Tenant of the request with this Authorization header over a connection with this client certificate; undefined if it may not send. */
export type Authenticate = (authorization: string | undefined, peer?: Peer) => string | undefined;

/**
 * A certificate that leads to a tenant counts before any header. Secrets are compared by hash, every one of them, in constant
 * time: an answer's delay tells nothing.
 */
export function createAuthenticate(
  credentials: readonly Credential[],
  clients: readonly ClientCertificate[] = [],
): Authenticate {
  const known = credentials.map(({ kind, secret, tenant }) => ({ hash: digest(kind, secret), tenant }));
  return (authorization, peer) => {
    const certified = peer === undefined ? undefined : tenantOfCertificate(clients, peer);
    if (certified !== undefined) return certified;
    if (known.length === 0) return clients.length === 0 ? defaultTenant : undefined;
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
