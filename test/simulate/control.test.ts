// The fleet's control webhook and metrics pages, over real sockets.
import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { Request } from "../../src/simulate/action.ts";
import { type Control, openControl } from "../../src/simulate/control.ts";
import { exposition } from "../../src/simulate/exposition.ts";
import { createFleet } from "../../src/simulate/fleet.ts";
import { healthyScenario } from "../../src/simulate/scenario.ts";

const secret = `whsec_${randomBytes(32).toString("base64")}`;
const wallMs = 1_760_000_000_000;
const restart = {
  type: "action.requested",
  data: { action: "restart-replica", target: "replica:vllm-2", parameters: { why: "x" }, extra: 1 },
};

let control: Control;
let asked: { request: Request; by: string }[];

beforeEach(async () => {
  asked = [];
  const fleet = createFleet(healthyScenario(1));
  fleet.advance(20_000);
  control = await openControl({
    port: 0,
    secret,
    now: () => wallMs,
    telemetry: silentTelemetry,
    perform(request, by) {
      asked.push({ request, by });
      if (request.action === "fly") return { kind: "refused", status: 422, reason: "cannot fly" };
      return { kind: "accepted", will: "do it" };
    },
    page: (name) =>
      name === "vllm-1"
        ? exposition(fleet.replicas[1]!, fleet.scenario, 1_700_000_000_000, fleet.nowMs)
        : name === "down"
          ? "down"
          : undefined,
  });
});

afterEach(() => control.close());

async function post(body: unknown, { id = "msg_1", atMs = wallMs, key = secret, path = "/webhook" } = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${control.url}${path}`, {
    method: "POST",
    body: text,
    headers: {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(atMs / 1000)),
      "webhook-signature": new Webhook(key).sign(id, new Date(atMs), text),
    },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe("the control webhook", () => {
  test("does what a message signed by the reference implementation asks for, and says what it will do", async () => {
    expect(await post(restart)).toEqual({ status: 202, body: { id: "msg_1", will: "do it" } });
    const request = { action: "restart-replica", target: "replica:vllm-2", parameters: { why: "x" } };
    expect(asked).toEqual([{ request, by: "msg_1" }]);
  });

  test("takes back what it is asked to take back", async () => {
    const data = { action: "shed-load", target: "deployment" };
    expect((await post({ type: "action.undo", data })).status).toBe(202);
    expect(asked.map(({ request }) => request.action)).toEqual(["undo-shed-load"]);
  });

  test("acts once on a repeated id and answers the same", async () => {
    await post(restart);
    expect(await post(restart)).toEqual({ status: 202, body: { id: "msg_1", will: "do it", repeated: true } });
    expect(asked).toHaveLength(1);
  });

  test("forgets an id it refused, so that it can be asked for again", async () => {
    const fly = { type: "action.requested", data: { action: "fly", target: "x" } };
    expect((await post(fly)).status).toBe(422);
    expect((await post(fly)).body).toEqual({ error: "cannot fly" });
    expect(asked).toHaveLength(2);
  });

  test.each([
    ["another key", { key: `whsec_${randomBytes(32).toString("base64")}` }],
    ["a time 6 minutes ago", { atMs: wallMs - 360_000 }],
    ["a time 6 minutes ahead", { atMs: wallMs + 360_000 }],
  ])("refuses %s", async (_what, how) => {
    expect((await post(restart, how)).status).toBe(401);
    expect(asked).toEqual([]);
  });

  test("refuses a body that was changed after signing, and headers that are missing or garbled", async () => {
    const timestamp = String(wallMs / 1000);
    const signature = new Webhook(secret).sign("msg_1", new Date(wallMs), JSON.stringify(restart));
    const good = { "webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": signature };
    const bad: Record<string, string>[] = [
      good,
      {},
      { ...good, "webhook-id": "msg_2" },
      { ...good, "webhook-timestamp": "soon" },
      { ...good, "webhook-signature": "v1," },
      { ...good, "webhook-signature": signature.replace("v1,", "v2,") },
    ];
    for (const [i, headers] of bad.entries()) {
      const body = JSON.stringify(restart).replace("vllm-2", i === 0 ? "vllm-3" : "vllm-2");
      const response = await fetch(`${control.url}/webhook`, { method: "POST", body, headers });
      expect(response.status).toBe(401);
    }
    expect(asked).toEqual([]);
  });

  test("accepts a second signature beside one of an old key", async () => {
    const text = JSON.stringify(restart);
    const sign = (key: string): string => new Webhook(key).sign("msg_1", new Date(wallMs), text);
    const response = await fetch(`${control.url}/webhook`, {
      method: "POST",
      body: text,
      headers: {
        "webhook-id": "msg_1",
        "webhook-timestamp": String(wallMs / 1000),
        "webhook-signature": `${sign(`whsec_${randomBytes(24).toString("base64")}`)} ${sign(secret)}`,
      },
    });
    expect(response.status).toBe(202);
  });

  test("says what is wrong with a genuine message it cannot read", async () => {
    expect((await post("{")).status).toBe(400);
    expect((await post({ type: "incident.opened", data: {} })).body["error"]).toContain("action.requested");
    expect((await post("x".repeat(70_000))).status).toBe(413);
  });

  test("does nothing for anybody when no secret is configured, and refuses one that can be guessed", async () => {
    const options = { port: 0, now: () => wallMs, telemetry: silentTelemetry, page: () => undefined };
    const perform = () => ({ kind: "accepted", will: "" }) as const;
    const open = await openControl({ ...options, perform });
    const response = await fetch(`${open.url}/webhook`, { method: "POST", body: "{}" });
    expect(response.status).toBe(403);
    await open.close();
    await expect(openControl({ ...options, perform, secret: "whsec_AAAA" })).rejects.toThrow(RangeError);
  });
});

describe("a replica's metrics page", () => {
  test("is Prometheus text as vLLM prints it", async () => {
    const response = await fetch(`${control.url}/replicas/vllm-1/metrics`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const page = await response.text();
    expect(page).toContain("# TYPE vllm:num_preemptions_total counter\n");
    // The clocks of virtual and of Unix time are the same: rules ask how long ago a process was started.
    expect(page).toContain("process_start_time_seconds{} 1700000000.0\n");
    expect(page).toMatch(/^vllm:num_requests_running\{model_name="Qwen\/[^"]+",engine="0"\} \d+\.0$/m);
    expect(page).toMatch(/^vllm:cache_config_info\{block_size="16",.*num_gpu_blocks="5856".*\} 1\.0$/m);
    const buckets = [...page.matchAll(/^vllm:time_to_first_token_seconds_bucket\{.*le="([^"]+)"\} (\S+)$/gm)];
    expect(buckets).toHaveLength(23);
    expect(buckets.at(-1)![1]).toBe("+Inf");
    const counts = buckets.map((bucket) => Number(bucket[2]));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    const count = /^vllm:time_to_first_token_seconds_count\{.*\} (\S+)$/m.exec(page)![1];
    expect(Number(count)).toBe(counts.at(-1));
    expect(Number(count)).toBeGreaterThan(50);
    for (const line of page.trim().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) \S+ .+|[a-z0-9_:]+\{[^}]*\} [-+.\deInf]+)$/);
  });

  test("answers 503 while the replica starts and 404 for one that does not exist", async () => {
    expect((await fetch(`${control.url}/replicas/down/metrics`)).status).toBe(503);
    expect((await fetch(`${control.url}/replicas/nobody/metrics`)).status).toBe(404);
  });
});
