// A GPU named by its bus address in the kernel's log and by its UUID by DCGM is one entity, in whichever order the two come.
import { expect, test } from "vitest";
import { busAddress } from "../../src/model/gpu-address.ts";
import type { MadeSample } from "../../src/model/ports/series-sink.ts";
import { createGpuNames } from "../../src/observe/gpu-names.ts";
import { loadMappings } from "../../src/observe/mapping.ts";
import { countingTelemetry, listReader, rawSeries } from "./raw.ts";
import { framesOf, setUp, steps, t0 } from "./set-up.ts";

const { mappings } = await loadMappings("rules/signals");

test("a bus address is one however it is written", () => {
  for (const text of ["0000:3B:00.0", "00000000:3B:00.0", "3b:00", "3b:00.0", "PCI:0000:3b:00", " 0000:3b:00 "])
    expect(busAddress(text)).toBe("0000:3b:00");
  // Clouds give each GPU a domain of its own.
  expect(busAddress("00000001:00:00.0")).toBe("0001:00:00");
  expect(busAddress("00010000:01:00.0")).toBe("10000:01:00");
  for (const text of ["", "0", "GPU-1", "12:34:56:78", "3b", "0000:3b:00.9", "node/3b:00"])
    expect(busAddress(text)).toBeUndefined();
});

const dcgm = (metric: string, labels: Record<string, string> = {}) =>
  rawSeries(metric, "gauge", {
    instance: "10.0.0.7:9400",
    resource: { "service.name": "dcgm" },
    attributes: { gpu: "1", UUID: "GPU-b", pci_bus_id: "00000000:3B:00.0", Hostname: "node-7", ...labels },
  });

function xid(at: number, code: number, node = "node-7"): MadeSample[] {
  const about = {
    unit: "",
    resource: { "host.name": node, "service.name": "kernel" },
    attributes: { gpu: "0000:3b:00" },
  };
  const level = { ...about, metric: "kernel_log_xid", kind: "level" } as const;
  return [
    { ...level, at: at - 1000, value: 0 },
    { ...level, at, value: code },
  ];
}

const power = dcgm("DCGM_FI_DEV_POWER_USAGE");
const quietXid = dcgm("DCGM_FI_DEV_XID_ERRORS");

function entitiesOf(head: ReturnType<typeof setUp>["head"]) {
  return head.entities().filter(({ kind }) => kind === "gpu");
}

const orders = { "the log first": true, "the exporter first": false };
test.each(Object.entries(orders))("one entity, %s", async (_, logFirst) => {
  const { head, reader } = setUp({ mappings });
  const log = (): void => head.put(xid(t0 + 12_000, 79), t0 + 12_000);
  if (logFirst) log();
  const metrics = [...steps(power, [300, 300, 300]), ...steps(quietXid, [0, 0, 0])];
  await framesOf(head, reader, [power, quietXid], metrics, t0 + 12_000);
  if (!logFirst) log();
  await framesOf(head, reader, [], steps(power, [300, 300], 5000, t0 + 15_000), t0 + 21_000);
  const gpus = entitiesOf(head);
  expect(gpus.map(({ id }) => id)).toEqual(["gpu:GPU-b"]);
  expect(gpus[0]).toMatchObject({ parent: "node:node-7", labels: { engine: "dcgm" } });
  // Exporter and driver write the address in two ways; it stands in one.
  expect(gpus[0]!.place).toMatchObject({ node: "node-7", pci: "0000:3b:00" });
  // What the kernel says goes before the exporter's gauge, which says nothing happened.
  const all = { from: t0 - 60_000, to: t0 + 60_000 };
  const views = await head.select([{ name: "__name__", op: "=", value: "gpu:xid" }], all);
  expect(views.map(({ labels }) => labels["entity"])).toEqual(["gpu:GPU-b"]);
  expect([...views[0]!.values]).toContain(79);
  const raw = await head.select([{ name: "__name__", op: "=", value: "kernel_log_xid" }], all);
  expect(raw.map(({ labels, length }) => [labels["entity"], length])).toEqual([["gpu:GPU-b", 2]]);
});

test("without an exporter that says both, the address stays the name", async () => {
  const { head, reader } = setUp({ mappings });
  head.put(xid(t0 + 5000, 79), t0 + 5000);
  const elsewhere = dcgm("DCGM_FI_DEV_POWER_USAGE", { Hostname: "node-8", UUID: "GPU-c" });
  const mute = rawSeries("DCGM_FI_DEV_GPU_TEMP", "gauge", { attributes: { UUID: "GPU-d", Hostname: "node-7" } });
  await framesOf(head, reader, [elsewhere, mute], [...steps(elsewhere, [1, 1]), ...steps(mute, [50, 50])], t0 + 6000);
  expect(
    entitiesOf(head)
      .map(({ id }) => id)
      .sort(),
  ).toEqual(["gpu:GPU-c", "gpu:GPU-d", "gpu:node-7/0000:3b:00"]);
});

test("what was learned survives a restart, though the exporter is silent since", async () => {
  const telemetry = countingTelemetry();
  const before = createGpuNames(telemetry);
  const first = setUp({ mappings, gpus: before });
  await framesOf(first.head, first.reader, [power], steps(power, [300, 300]), t0 + 6000);
  const after = createGpuNames(telemetry, before.snapshot());
  const { head } = setUp({ mappings, gpus: after }, listReader());
  head.put(xid(t0 + 5000, 79), t0 + 5000);
  expect(entitiesOf(head).map(({ id }) => id)).toEqual(["gpu:GPU-b"]);
  expect(after.gpuAt({ node: "node-7", pci: "0000:3b:00" })).toBe("gpu:GPU-b");
  createGpuNames(telemetry, new TextEncoder().encode('{"gpuNames":7}'));
  expect(telemetry.counts.get("homeostat.observe.dropped/gpu-names-unreadable")).toBe(1);
});

test("a GPU that replaces another has its address; two machines behind one name have none", () => {
  const names = createGpuNames(countingTelemetry());
  const seat = { node: "node-7", pci: "0000:3b:00" };
  names.learn(seat, "GPU-b", "node-7");
  expect(names.learn(seat, "GPU-b", "dcgm-exporter-x2")).toBe(false);
  expect(names.learn(seat, "GPU-new", "dcgm-exporter-x2")).toBe(true);
  expect(names.nameAt(seat)).toBe("GPU-new");
  // What a collector's own node says does not go before what the machine says of itself.
  expect(names.learn(seat, "GPU-x", "")).toBe(false);
  const collector = { node: "collector", pci: "0000:3b:00" };
  names.learn(collector, "GPU-b", "node-7");
  expect(names.learn(collector, "GPU-c", "node-8")).toBe(true);
  expect(names.nameAt(collector)).toBeUndefined();
  // Tenants may call their nodes alike.
  expect(names.nameAt({ ...seat, tenant: "acme" })).toBeUndefined();
});
