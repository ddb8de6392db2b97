// Kernel lines and DCGM metrics of one GPU over the real doors of a service, which is restarted in between: one entity.
import { afterAll, expect, test } from "vitest";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";

const folder = temporaryFolder();
afterAll(() => folder.remove());

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const observe = { tick: "* * * * * *", step: "1s", lateness: "0s", idle: "2s" } as const;

async function post(url: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
}

function kernelLog(otlpUrl: string, code: number): Promise<void> {
  const body = {
    stringValue: `NVRM: Xid (PCI:0000:3b:00): ${code}, pid=2400, name=VLLM::EngineCor, GPU has fallen off the bus.`,
  };
  const resource = { attributes: [text("service.name", "kernel"), text("host.name", "node-7")] };
  const logRecords = [{ timeUnixNano: `${Date.now()}000000`, severityNumber: 17, body }];
  return post(`${otlpUrl}/v1/logs`, { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
}

function dcgm(otlpUrl: string): Promise<void> {
  const labels = { gpu: "1", UUID: "GPU-b", pci_bus_id: "00000000:3B:00.0", Hostname: "node-7" };
  const attributes = Object.entries(labels).map(([key, value]) => text(key, value));
  const metric = (name: string, asDouble: number) => ({
    name,
    gauge: { dataPoints: [{ timeUnixNano: `${Date.now()}000000`, asDouble, attributes }] },
  });
  const resource = { attributes: [text("service.name", "dcgm"), text("service.instance.id", "10.0.0.7:9400")] };
  const metrics = [metric("DCGM_FI_DEV_POWER_USAGE", 300), metric("DCGM_FI_DEV_XID_ERRORS", 0)];
  return post(`${otlpUrl}/v1/metrics`, { resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] });
}

type Running = Awaited<ReturnType<typeof serviceIn>>;
const gpusOf = ({ head }: Running) => head.entities().flatMap(({ kind, id }) => (kind === "gpu" ? [id] : []));
const findingsOf = async ({ store }: Running) =>
  (await store.records.list("findings", { limit: 10 })).flatMap((one) => (one.kind === "kernel" ? [one.entity] : []));

test("the driver's line and the exporter's metrics meet, after a restart too", async () => {
  const first = await serviceIn(folder.path, { observe });
  await kernelLog(first.otlpUrl, 79);
  await until(async () => gpusOf(first).length === 1);
  expect(gpusOf(first)).toEqual(["gpu:node-7/0000:3b:00"]);
  await dcgm(first.otlpUrl);
  await until(async () => gpusOf(first).includes("gpu:GPU-b"));
  expect(gpusOf(first)).toEqual(["gpu:GPU-b"]);
  await first[Symbol.asyncDispose]();

  const second = await serviceIn(folder.path, { observe });
  await kernelLog(second.otlpUrl, 94);
  await until(async () => (await findingsOf(second)).length === 2);
  // What was found before anybody could know stays as it was told.
  expect((await findingsOf(second)).sort()).toEqual(["gpu:GPU-b", "gpu:node-7/0000:3b:00"]);
  await until(async () => gpusOf(second).length > 0);
  expect(gpusOf(second)).toEqual(["gpu:GPU-b"]);
  await second[Symbol.asyncDispose]();
});
