// A kernel event as a finding: which GPU or node, and in one line what happened.
import { type EntityId, entityId } from "../../model/entity.ts";
import { stableId } from "../../model/ids.ts";
import type { LogFinding } from "../../model/log-finding.ts";
import type { GpuDirectory } from "../../model/ports/gpu-directory.ts";
import type { LogOrigin } from "../../model/ports/log-reader.ts";
import { nameWithin } from "../../model/tenant.ts";
import type { Instant } from "../../model/time.ts";
import type { KernelEvent } from "./kernel.ts";
import { pciOf } from "./line-series.ts";

/** Of one event; `example` is its line, already masked. A GPU nobody else tells of is named by where it sits. */
export function kernelFinding(
  event: KernelEvent,
  at: Instant,
  origin: LogOrigin,
  example: string,
  gpus?: GpuDirectory,
): LogFinding {
  const { service, resource, tenant } = origin;
  const node = nodeOf(origin);
  const pci = pciOf(event);
  const entity: EntityId =
    pci === undefined
      ? entityId("node", nameWithin(tenant, node))
      : (gpus?.gpuAt({ tenant, node, pci }) ?? entityId("gpu", nameWithin(tenant, `${node}/${pci}`)));
  return {
    id: stableId("kernel-finding", tenant ?? "", entity, kernelKey(event), at),
    kind: "kernel",
    at,
    entity,
    service,
    version: resource["service.version"] ?? "",
    ...(tenant === undefined ? {} : { tenant }),
    severity: isHarmless(event) ? "warn" : "error",
    example,
    observed: 1,
    expected: 0,
    tail: 0,
    says: `${node}: ${say(event)}`,
  };
}

/** Equal for events that are the same news. */
export function kernelKey(event: KernelEvent): string {
  const code = "code" in event ? (event.code ?? "") : "";
  const process = event.kind === "oom-kill" ? event.process : "";
  return JSON.stringify([event.kind, pciOf(event) ?? "", code, process]);
}

function nodeOf({ resource, service }: LogOrigin): string {
  const instance = resource["service.instance.id"]?.replace(/:\d+$/, "");
  return resource["k8s.node.name"] ?? resource["host.name"] ?? instance ?? (service === "" ? "unknown" : service);
}

function isHarmless(event: KernelEvent): boolean {
  return "corrected" in event && event.corrected;
}

function say(event: KernelEvent): string {
  const where = pciOf(event) === undefined ? "" : ` on GPU ${pciOf(event)}`;
  if (event.kind === "xid") {
    const by = event.process === undefined ? "" : ` (process ${event.process})`;
    return `Xid ${event.code ?? "without a number"}${where}${by}: ${event.detail}`;
  }
  if (event.kind === "sxid") return `${event.fatal ? "fatal " : ""}NVSwitch SXid ${event.code}${where}`;
  if (event.kind === "nvlink")
    return `NVLink trouble${where}${event.link === undefined ? "" : `, link ${event.link}`}: ${event.detail}`;
  if (event.kind === "oom-kill")
    return `out of memory${event.cgroup ? " in a control group" : ""}: ${event.process} was killed`;
  const corrected = event.corrected ? "corrected" : "uncorrected";
  return event.kind === "edac"
    ? `${event.count} ${corrected} memory errors (EDAC ${event.controller})`
    : `${corrected} machine check`;
}
