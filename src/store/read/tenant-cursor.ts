// How far each tenant is read, as one cursor.
import { defaultTenant } from "../../model/tenant.ts";

/** `123,acme:456`: how far each tenant is read; the default tenant stands first, without its name. `123.7`: in the middle of a batch. */
export function parseCursor(cursor: string): Map<string, string> {
  if (!/^\d{0,20}(\.\d{1,10})?(,[a-z][a-z0-9_]*:\d{0,20}(\.\d{1,10})?)*$/.test(cursor))
    throw new Error(`not a cursor of this reader: ${JSON.stringify(cursor)}`);
  const [main = "", ...others] = cursor.split(",");
  return new Map([
    [defaultTenant, main] as const,
    ...others.map((part) => {
      const colon = part.indexOf(":");
      return [part.slice(0, colon), part.slice(colon + 1)] as const;
    }),
  ]);
}

export function formatCursor(cursors: ReadonlyMap<string, string>): string {
  const others = [...cursors].filter(([tenant]) => tenant !== defaultTenant);
  return [cursors.get(defaultTenant) ?? "", ...others.map(([tenant, at]) => `${tenant}:${at}`)].join(",");
}
