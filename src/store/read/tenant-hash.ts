// Series hashes of several tenants side by side: `acme:123`, without a tenant's name for the default one.
import { defaultTenant } from "../../model/tenant.ts";

/** Series of different tenants may have the same hash: this goes before it. */
export function hashPrefixOf(tenant: string): string {
  return tenant === defaultTenant ? "" : `${tenant}:`;
}

export function tenantOfHash(hash: string): string {
  const colon = hash.indexOf(":");
  return colon < 0 ? defaultTenant : hash.slice(0, colon);
}
