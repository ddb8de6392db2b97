// Keeps webhooks from being turned against the network Homeostat runs in (server-side request forgery).
import { lookup as dnsLookup } from "node:dns/promises";
import ipaddr from "ipaddr.js";

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Resolves a host name to all its addresses; rejects as `dns.promises.lookup` does. */
export type Lookup = (host: string) => Promise<readonly Address[]>;

export type Target =
  /** Connect to one of `addresses` and to nothing else, whatever the name resolves to later. */
  | { readonly kind: "ok"; readonly url: URL; readonly addresses: readonly Address[] }
  /** Never to be tried again. */
  | { readonly kind: "refused"; readonly reason: string }
  /** The name did not resolve now; it may later. */
  | { readonly kind: "unresolved"; readonly reason: string };

export interface Guard {
  check(url: string): Promise<Target>;
}

export interface GuardOptions {
  /** CIDRs, addresses or host names that may be reached though private or loopback, and on any port. */
  readonly allow: readonly string[];
  /** Ports open to everybody else. Default 80 and 443. */
  readonly ports?: readonly number[];
}

type Ip = ipaddr.IPv4 | ipaddr.IPv6;
/** What an allow-listed host name may resolve to. Link-local (cloud metadata) needs an explicit CIDR. */
const nearby = new Set(["loopback", "private", "uniqueLocal", "carrierGradeNat"]);
const globalUnicast = ipaddr.parseCIDR("2000::/3") as [ipaddr.IPv6, number];

/**
 * A guard that lets a URL through only if it is http(s), carries no credentials, and resolves to public unicast
 * addresses or to what the operator allowed. Throws on an entry of `allow` that is neither CIDR, address nor host name.
 */
export function createGuard(options: GuardOptions, lookup: Lookup = systemLookup): Guard {
  const { networks, hosts } = readAllowList(options.allow);
  const ports = new Set(options.ports ?? [80, 443]);

  function permits(host: string, port: number, address: Address): boolean {
    const ip = plain(ipaddr.parse(address.address));
    if (networks.some((network) => inside(ip, network))) return true;
    if (hosts.has(host) && (nearby.has(ip.range()) || isPublic(ip))) return true;
    return isPublic(ip) && ports.has(port);
  }

  return {
    async check(text) {
      let url: URL;
      try {
        url = new URL(text);
      } catch {
        return { kind: "refused", reason: "is not a URL" };
      }
      if (url.protocol !== "http:" && url.protocol !== "https:") {
        return { kind: "refused", reason: `scheme ${url.protocol} is not http or https` };
      }
      if (url.username !== "" || url.password !== "") return { kind: "refused", reason: "carries credentials" };
      const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
      const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
      let addresses: readonly Address[];
      try {
        addresses = ipaddr.isValid(host) ? [literal(host)] : await lookup(host);
      } catch (error) {
        return { kind: "unresolved", reason: `${host} does not resolve (${codeOf(error)})` };
      }
      const good = addresses.filter(({ address }) => ipaddr.isValid(address)).filter((a) => permits(host, port, a));
      if (good.length > 0) return { kind: "ok", url, addresses: good };
      const where = addresses.length === 0 ? "no address" : addresses.map((a) => a.address).join(", ");
      return {
        kind: "refused",
        reason: `${host} port ${port} (${where}) is not public; add it to deliver.allow if it is meant`,
      };
    },
  };
}

async function systemLookup(host: string): Promise<readonly Address[]> {
  const found = await dnsLookup(host, { all: true, verbatim: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}

function readAllowList(allow: readonly string[]): { networks: [Ip, number][]; hosts: Set<string> } {
  const networks: [Ip, number][] = [];
  const hosts = new Set<string>();
  for (const entry of allow) {
    const bare = entry.replace(/^\[|\]$/g, "");
    if (ipaddr.isValidCIDR(bare)) networks.push(ipaddr.parseCIDR(bare));
    else if (ipaddr.isValid(bare)) networks.push([plain(ipaddr.parse(bare)), bare.includes(":") ? 128 : 32]);
    else if (/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(entry)) hosts.add(entry.toLowerCase());
    else throw new Error(`deliver.allow: ${JSON.stringify(entry)} is neither a CIDR, an address nor a host name`);
  }
  return { networks, hosts };
}

function literal(host: string): Address {
  return { address: host, family: host.includes(":") ? 6 : 4 };
}

/** IPv4 hidden in IPv6 (::ffff:127.0.0.1) is judged as the IPv4 address it reaches. */
function plain(ip: Ip): Ip {
  return ip instanceof ipaddr.IPv6 && ip.isIPv4MappedAddress() ? ip.toIPv4Address() : ip;
}

function isPublic(ip: Ip): boolean {
  if (ip.range() !== "unicast") return false;
  // The library calls ::7f00:1 (IPv4-compatible loopback) unicast: only global unicast space is public. 6to4, Teredo and
  // documentation prefixes have ranges of their own.
  return ip instanceof ipaddr.IPv4 || ip.match(globalUnicast);
}

function inside(ip: Ip, [network, bits]: [Ip, number]): boolean {
  return ip.kind() === network.kind() && (ip.match as (network: Ip, bits: number) => boolean).call(ip, network, bits);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "lookup failed";
}
