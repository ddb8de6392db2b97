// Whose telemetry it is. A tenant follows from the credential of a request, never from what the request says.

/** Everybody, where nothing else is configured. */
export const defaultTenant = "default";

/** Names become parts of database names and of entity names, so they are few and plain. */
export const tenantPattern: RegExp = /^[a-z][a-z0-9_]{0,31}$/;

/**
 * A name from telemetry as it is told apart from the same name of another tenant: `acme~vllm-0`. What comes before the
 * first `~` is a tenant's name for certain: of the default tenant, names that look as if it were are changed.
 */
export function nameWithin(tenant: string | undefined, name: string): string {
  if (tenant !== undefined && tenant !== defaultTenant) return `${tenant}~${name}`;
  return /^[a-z][a-z0-9_]{0,31}~/.test(name) ? name.replace("~", "-") : name;
}

/** Whose an entity is, by its id: `acme` of `replica:acme~vllm-0`. */
export function tenantOf(entity: string): string {
  return /^[a-z]+:([a-z][a-z0-9_]{0,31})~/.exec(entity)?.[1] ?? defaultTenant;
}

/** The name that its own telemetry has for an entity: `vllm-0` of `replica:acme~vllm-0`. */
export function nameOf(entity: string): string {
  return entity.slice(entity.indexOf(":") + 1).replace(/^[a-z][a-z0-9_]{0,31}~/, "");
}

export function isTenant(name: string): boolean {
  return tenantPattern.test(name);
}
