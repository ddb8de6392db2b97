// How a Prometheus's series are read as ours: whose they are, and which of them add up.
import type { Labels } from "./labels.ts";

/** Resource attributes of what a Prometheus scraped. */
export function targetResource(job: string, instance: string): Labels {
  const colon = instance.lastIndexOf(":");
  return {
    "service.name": job,
    "service.instance.id": instance,
    ...(colon > 0 ? { "server.address": instance.slice(0, colon), "server.port": instance.slice(colon + 1) } : {}),
  };
}

/**
 * Whether a single series is a counter: by the type of its family where `typeOf` knows it (`counter`, `histogram`, …), else by the
 * suffixes that Prometheus's client libraries name counters with.
 */
export function isCounter(name: string, typeOf: (family: string) => string | undefined): boolean {
  const own = typeOf(name) ?? typeOf(name.replace(/_total$/, ""));
  if (own !== undefined) return own === "counter";
  const part = /^(.+)_(bucket|count|sum)$/.exec(name);
  const parent = part === null ? undefined : typeOf(part[1] as string);
  return parent === "histogram" || parent === "summary" || /_(total|bucket|count)$/.test(name);
}
