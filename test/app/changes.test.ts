// homeostat changes over a whole service and its real store: what telemetry shows, what events tell, what nobody tells.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changes as command } from "../../src/app/commands/changes.ts";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { WhatChanged } from "../../src/model/what-changed.ts";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";

const folder = temporaryFolder();
const minute = 60_000;
const end = Math.floor(Date.now() / minute) * minute;
const at = (minutes: number): number => end + minutes * minute;
let service: Awaited<ReturnType<typeof serviceIn>>;

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const attributes = (labels: Record<string, string>) => Object.entries(labels).map(([k, v]) => attribute(k, v));

async function post(path: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${service.otlpUrl}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
}

/** One gauge point a minute. */
async function say(
  resource: Record<string, string>,
  name: string,
  labels: Record<string, string>,
  from: number,
  to: number,
): Promise<void> {
  const dataPoints = [];
  for (let i = from; i <= to; i++)
    dataPoints.push({ timeUnixNano: String(BigInt(at(i)) * 1_000_000n), asDouble: 1, attributes: attributes(labels) });
  const metrics = [{ name, gauge: { dataPoints } }];
  await post("/v1/metrics", {
    resourceMetrics: [{ resource: { attributes: attributes(resource) }, scopeMetrics: [{ metrics }] }],
  });
}

const replica = (name: string, version: string) => ({
  ...{ "service.name": "chat", "service.instance.id": name, "service.version": version, "k8s.deployment.name": "chat" },
});
const block = (gib: string) => ({ gpu_memory_utilization: gib, num_gpu_blocks: gib === "0.9" ? "100" : "90" });
const running = "vllm:num_requests_running";

beforeAll(async () => {
  service = await serviceIn(folder.path);
  // Two replicas are upgraded one after the other; a third keeps its version, and gets another flag and its old one back.
  await say(replica("chat-0", "1.0"), running, { model_name: "m" }, -120, -60);
  await say(replica("chat-0", "1.1"), running, { model_name: "m" }, -59, -1);
  await say(replica("chat-1", "1.0"), running, { model_name: "m" }, -120, -55);
  await say(replica("chat-1", "1.1"), running, { model_name: "m" }, -54, -1);
  await say(replica("chat-2", "1.0"), running, { model_name: "m" }, -120, -1);
  await say(replica("chat-2", "1.0"), "vllm:cache_config_info", block("0.9"), -120, -70);
  await say(replica("chat-2", "1.0"), "vllm:cache_config_info", block("0.8"), -69, -40);
  await say(replica("chat-2", "1.0"), "vllm:cache_config_info", block("0.9"), -39, -1);
  const gpu = { "service.name": "dcgm", "service.instance.id": "gpu-7:9400" };
  await say(gpu, "DCGM_FI_DEV_GPU_UTIL", { Hostname: "gpu-7", gpu: "0", DCGM_FI_DRIVER_VERSION: "550.1" }, -120, -50);
  const span = (i: number, version: string) => ({
    ...{ traceId: String(i + 200).padStart(32, "0"), spanId: String(i + 200).padStart(16, "0"), name: "chat", kind: 3 },
    ...{ startTimeUnixNano: `${at(i)}000000`, endTimeUnixNano: `${at(i) + 1000}000000` },
    attributes: attributes({ "gen_ai.prompt.name": "greet", "gen_ai.prompt.version": version }),
  });
  const spans = [-100, -80, -62].map((i) => span(i, "3")).concat([-30, -10, -1].map((i) => span(i, "4")));
  const resource = { attributes: attributes({ "service.name": "shop" }) };
  await post("/v1/traces", { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
  await service.store.flushed();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  folder.remove();
});

async function tell(from: number, to: number, ...more: string[]): Promise<WhatChanged> {
  const lines: string[] = [];
  const io = { out: (line: string) => void lines.push(line), err: () => {} };
  const times = ["--from", new Date(at(from)).toISOString(), "--to", new Date(at(to)).toISOString()];
  expect(await command.run([...times, ...more, "--json", "--url", service.apiUrl], io)).toBe(0);
  return JSON.parse(lines.join("\n")) as WhatChanged;
}

const stateOf = (known: WhatChanged, aspect: string) => known.aspects.find((one) => one.aspect === aspect)!;
const saysOf = ({ changes }: WhatChanged): readonly string[] => changes.map(({ says }) => says);

describe("homeostat changes", () => {
  test("finds in telemetry what nobody told: version, flag and back, prompt template", async () => {
    const known = await tell(-90, 0);
    expect(saysOf(known)).toEqual([
      "gpu_memory_utilization: 0.9 -> 0.8 on replica:chat-2",
      "service.version: 1.0 -> 1.1 on replica:chat-0, replica:chat-1",
      "gpu_memory_utilization: 0.8 -> 0.9 on replica:chat-2",
      "prompt greet: 3 -> 4 on service:shop",
    ]);
    expect(known.changes[1]).toMatchObject({ at: at(-59), until: at(-54), aspect: "image", source: "telemetry" });
    expect(known.says).toMatch(/^4 changes; nothing changed in model; nothing known of LoRA, driver, config$/);
  });

  test("says nothing changed only of what is stated throughout", async () => {
    const known = await tell(-50, 0, "--entity", "replica:chat-1");
    expect(known.changes).toEqual([]);
    expect(stateOf(known, "image")).toMatchObject({ state: "unchanged", heard: [{ source: "telemetry", at: at(-1) }] });
    expect(stateOf(known, "flags").state).toBe("unknown");
    expect(known.says).toBe(
      "nothing changed in image, model; nothing known of flags, LoRA, prompt template, driver, config",
    );
  });

  test("a source that fell silent is no witness, and the time it was last heard is told", async () => {
    const known = await tell(-45, 0);
    const driver = stateOf(known, "driver");
    expect(driver.state).toBe("unknown");
    expect(driver.heard).toEqual([{ source: "telemetry", at: at(-50) }]);
    expect(driver.says).toContain(
      `has not said what it is since ${new Date(at(-50)).toISOString().slice(0, 16).replace("T", " ")}Z`,
    );
    // While it spoke it was one.
    expect(stateOf(await tell(-100, -51), "driver").state).toBe("unchanged");
  });

  test("change events count, and a kind that is told of late is known not to have changed", async () => {
    const event = (id: string, minutes: number, more: Partial<ChangeEvent>): ChangeEvent => ({
      ...{ id, at: at(minutes), kind: "config", target: "deployment:chat", summary: id, by: "ci" },
      ...more,
    });
    await service.store.changes.add(event("rollout of settings", -300, {}));
    await service.store.changes.add(event("adapter sql loaded", -20, { kind: "other", after: { lora: "sql" } }));
    await service.store.changes.add(event("silence", -20, { target: "service:homeostat", kind: "other" }));
    const known = await until(async () => {
      const found = await tell(-30, 0, "--entity", "replica:chat-0");
      return stateOf(found, "config").state === "unchanged" && found.changes.length > 0 && found;
    });
    // What its deployment gets, it gets.
    expect(known.changes).toMatchObject([
      { says: "adapter sql loaded", aspect: "lora", source: "event", entities: ["deployment:chat"], by: "ci" },
    ]);
    expect(stateOf(known, "config").heard).toEqual([{ source: "event", at: at(-300) }]);
    expect(saysOf(await tell(-30, 0, "--entity", "replica:other-0"))).toEqual([]);
  });

  test("answers bad input by name, and lists without the report where no range is given", async () => {
    for (const [query, detail] of [
      ["entity=chat", "entity is not an entity; write <kind>:<name>"],
      ["from=yesterday&to=now", "from is not a time"],
      ["from=now&to=-1h", "from is not before `to`"],
      ["known=1", "known is not a parameter here"],
    ] as const) {
      const answer = await fetch(`${service.apiUrl}/api/v1/changes?${query}`);
      expect(answer.status).toBe(400);
      expect(((await answer.json()) as { detail: string }).detail).toContain(detail);
    }
    const page = (await (await fetch(`${service.apiUrl}/api/v1/changes`)).json()) as {
      data: unknown[];
      known?: unknown;
    };
    expect(page.data.length).toBeGreaterThan(0);
    expect(page.known).toBeUndefined();
  });
});
