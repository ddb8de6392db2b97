// Transport security of the doors, and who a client certificate says is there.
import type { DetailedPeerCertificate, PeerCertificate } from "node:tls";

export interface TlsOptions {
  /** PEM: the doors' own certificate with what leads to its root, and its private key. */
  readonly certificate: string;
  readonly key: string;
  /** PEM: with it, both doors let in only clients with a certificate of these authorities. */
  readonly clientCa?: string;
  /** Tenants by client certificate. Without any, a certificate only opens the door; credentials then say the tenant. */
  readonly clients?: readonly ClientCertificate[];
}

export interface ClientCertificate {
  /** The subject's common name. */
  readonly subject?: string;
  /** SHA-256 of the certificate, hexadecimal, with or without colons. */
  readonly fingerprint256?: string;
  readonly tenant: string;
}

export type Peer = Pick<PeerCertificate | DetailedPeerCertificate, "subject" | "fingerprint256">;

/**
 * Tenant of a client certificate that was verified already; undefined if none of `clients` is its. What an entry names must
 * all hold; an entry that names nothing holds for nobody. The first that holds counts.
 */
export function tenantOfCertificate(clients: readonly ClientCertificate[], peer: Peer): string | undefined {
  const fingerprint = plain(peer.fingerprint256 ?? "");
  const found = clients.find(
    ({ subject, fingerprint256 }) =>
      (subject !== undefined || fingerprint256 !== undefined) &&
      (subject === undefined || subject === peer.subject?.CN) &&
      (fingerprint256 === undefined || plain(fingerprint256) === fingerprint),
  );
  return found?.tenant;
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toUpperCase();
}
