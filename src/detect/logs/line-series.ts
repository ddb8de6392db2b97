// What engines and kernels say in lines of their own, as samples: an engine that only logs still has its signals.
import type { Labels } from "../../model/labels.ts";
import type { LogOrigin } from "../../model/ports/log-reader.ts";
import type { MadeSample } from "../../model/ports/series-sink.ts";
import type { Instant } from "../../model/time.ts";
import type { EngineLine } from "./engine-lines.ts";
import type { KernelEvent } from "./kernel.ts";

const prefixes: Readonly<Record<EngineLine["engine"], string>> = { vllm: "vllm:", sglang: "sglang:", tgi: "tgi_" };
/** Counted since the line before; all other figures are levels. */
const counted: ReadonlySet<string> = new Set(["new_sequences", "new_tokens", "cached_tokens"]);
/** Upper bounds, in seconds, of the times TGI prints of every request. */
const bounds = [
  0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.7, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300,
];

/** Samples under the engine's prefix and `log_`, so that what the engine's own metrics say goes before it. */
export function engineSamples(line: EngineLine, at: Instant, origin: LogOrigin): readonly MadeSample[] {
  const { engine, rank, figures } = line;
  const attributes: Labels = rank === undefined ? {} : { engine: rank };
  return Object.entries(figures).map(([name, value]): MadeSample => {
    const about = { metric: `${prefixes[engine]}log_${name}`, at, attributes, ...aboutOf(origin) };
    if (line.kind === "request") return { ...about, unit: "s", kind: "distribution", ...observation(value) };
    return { ...about, unit: "", kind: counted.has(name) ? "count" : "level", value };
  });
}

/** One event each: counted by its kind, and the code of an Xid as drivers' exporters tell it. */
export function kernelSamples(event: KernelEvent, at: Instant, origin: LogOrigin): readonly MadeSample[] {
  const about = { unit: "", at, ...aboutOf(origin) };
  const gpu = pciOf(event);
  const place: Labels = gpu === undefined ? {} : { gpu };
  const code: Labels = "code" in event && event.code !== undefined ? { code: String(event.code) } : {};
  const attributes = { ...place, ...code, kind: event.kind };
  const samples: MadeSample[] = [{ ...about, metric: "kernel_log_events", kind: "count", value: 1, attributes }];
  if (event.kind === "xid" && gpu !== undefined) {
    // Drivers that say "fallen off the bus" without a number mean 79. The zero before makes a repetition a change.
    const level = { ...about, metric: "kernel_log_xid", kind: "level", attributes: place } as const;
    samples.push({ ...level, at: at - 1000, value: 0 }, { ...level, value: event.code ?? 79 });
  }
  return samples;
}

/** Bus address of the GPU it is about. */
export function pciOf(event: KernelEvent): string | undefined {
  return "pci" in event && event.pci !== undefined && event.pci !== "" ? event.pci : undefined;
}

function aboutOf({ resource, tenant }: LogOrigin): { readonly resource: Labels; readonly tenant?: string } {
  return tenant === undefined ? { resource } : { resource, tenant };
}

function observation(seconds: number) {
  const counts = new Array<number>(bounds.length + 1).fill(0);
  const place = bounds.findIndex((bound) => seconds <= bound);
  counts[place < 0 ? bounds.length : place] = 1;
  return { sum: seconds, bounds, counts };
}
