// What people say: taken, redacted, made into series and odds, listed, taken back; and refused where it is none.
import { afterEach, describe, expect, test } from "vitest";
import { openWorld, postJson, type Row, type World } from "./kit.ts";
import { samples } from "./samples.ts";

const path = "/api/v1/feedback";
const token = (name: string, role: "viewer" | "operator" | "approver") => ({
  name,
  secret: `${name}-secret`,
  roles: [role],
});
const tokens = [token("app", "viewer"), token("ann", "operator"), token("ben", "approver")];
const as = (name: string) => ({ authorization: `Bearer ${name}-secret` });

let world: World;
afterEach(() => world.show[Symbol.asyncDispose]());

async function open(): Promise<World> {
  world = await openWorld({ kept: { ...samples(), feedback: [] }, options: { tokens } });
  return world;
}

async function say(body: unknown, who = "ann"): Promise<{ status: number; data: Row; detail: string }> {
  const answer = await world.get(path, postJson(body, as(who)));
  const { data = {}, detail = "" } = (await answer.json()) as { data?: Row; detail?: string };
  return { status: answer.status, data, detail };
}

async function listed(): Promise<readonly Row[]> {
  return ((await (await world.get(path, { headers: as("app") })).json()) as { data: Row[] }).data;
}

describe("ratings", () => {
  test("are redacted before they are stored, and become series", async () => {
    await open();
    const text = "Ask me at jane@example.org, my key is sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD";
    const { status, data } = await say({ kind: "rating", score: 0, model: "m", entity: "replica:vllm-2", text }, "app");
    expect(status).toBe(201);
    expect(data).toMatchObject({ kind: "rating", by: "app", score: 0, model: "m" });
    expect(JSON.stringify(world.kept.feedback)).not.toMatch(/jane@|sk-proj/);
    expect(data["text"]).toMatch(/^Ask me at \[email\], my key is /);
    expect(await listed()).toEqual([data]);
    expect(world.made).toMatchObject([
      {
        metric: "homeostat_feedback_total",
        kind: "count",
        value: 1,
        resource: { "service.name": "chat", "service.instance.id": "vllm-2" },
        attributes: { kind: "thumbs_down", gen_ai_request_model: "m" },
      },
      { metric: "homeostat_feedback_score", kind: "distribution", sum: 0, counts: [1, 0, 0, 0, 0] },
    ]);
  });

  test("of a hundred thousand names make no more series than two hundred and one", async () => {
    await open();
    for (let i = 0; i < 250; i++) await say({ kind: "rating", score: 1, service: `s${i}`, model: `m${i}` }, "ann");
    const names = world.made.map(
      ({ resource, attributes }) => `${resource["service.name"]} ${attributes["gen_ai_request_model"]}`,
    );
    expect(new Set(names).size).toBe(201);
    expect(names.at(-1)).toBe("other other");
  });
});

describe("verdicts on diagnoses", () => {
  const confirm = { kind: "diagnosis", diagnosis: "diagnosis-1", verdict: "confirm" };
  const deny = { ...confirm, verdict: "deny", cause: "traffic-burst" };

  test("are for operators and approvers", async () => {
    await open();
    expect(await say(confirm, "app")).toMatchObject({ status: 403 });
    expect(await say(confirm, "ann")).toMatchObject({ status: 201 });
    expect(await say(deny, "ben")).toMatchObject({ status: 201 });
    expect((await listed()).map((one) => one["by"])).toEqual(["ben", "ann"]);
  });

  test("say who, when, and what was thought then; a second word of the same person replaces the first", async () => {
    await open();
    const first = await say(confirm);
    expect(first.data).toMatchObject({ by: "ann", incident: "incident-1", failureMode: "kv-cache-saturation" });
    expect(first.data["shares"]).toEqual({ "kv-cache-saturation": 0.93 });
    const second = await say(deny);
    expect(second.data).toMatchObject({ id: first.data["id"], verdict: "deny", rightCause: "traffic-burst" });
  });

  test("are taken back, stay listed, and taking back twice is no mistake", async () => {
    await open();
    const { data } = await say(deny);
    const undo = () => world.get(`${path}/${data["id"]}`, { method: "DELETE", headers: as("ann") });
    expect((await undo()).status).toBe(200);
    const answer = (await (await undo()).json()) as { data: Row };
    expect(answer.data).toMatchObject({ id: data["id"], undone: { by: "ann" } });
    expect((await world.get(`${path}/${data["id"]}`, { method: "DELETE", headers: as("app") })).status).toBe(403);
    expect((await world.get(`${path}/warp`, { method: "DELETE", headers: as("ann") })).status).toBe(404);
  });

  test.each([
    [{ ...confirm, diagnosis: "warp" }, /diagnosis: is not on record; take an id/],
    [{ ...deny, cause: "warp" }, /cause: is no failure mode of the catalogue/],
    [{ ...confirm, cause: "traffic-burst" }, /cause: is not what was diagnosed; say deny/],
    [{ ...deny, cause: "kv-cache-saturation" }, /cause: is what was diagnosed; say confirm/],
    [{ ...confirm, verdict: "maybe" }, /verdict: /],
    [{ kind: "rating", score: 2 }, /score: /],
    [{ kind: "rating", score: "1" }, /score: /],
    [{ kind: "rating" }, /score: /],
    [{ kind: "rating", score: 1, entity: "replica:warp" }, /entity: is not known/],
    [{ kind: "rating", score: 1, text: "x".repeat(10_001) }, /text: /],
    [{ kind: "rating", score: 1, model: "a\nb" }, /model: contains control characters/],
    [{ kind: "rating", score: 1, __proto__x: 1 }, /./],
    [{ kind: "warp" }, /kind: /],
    [[], /./],
    ["null", /./],
    [`{"kind":"rating","score":1e999}`, /score: /],
  ])("%j is refused by name, and nothing is stored", async (body, says) => {
    await open();
    const { status, detail } = await say(body);
    expect(status).toBe(400);
    expect(detail).toMatch(says);
    expect(world.kept.feedback).toEqual([]);
    expect(world.made).toEqual([]);
  });

  test("a body without end is refused", async () => {
    await open();
    expect(await say({ kind: "rating", score: 1, text: "x".repeat(300_000) })).toMatchObject({ status: 413 });
  });
});
