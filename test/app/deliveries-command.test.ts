// homeostat deliveries against the API it asks: what did not get through, sending it again, and how receivers are.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deliveries } from "../../src/app/commands/deliveries.ts";
import { openWorld, type World } from "../show/kit.ts";
import { delivery, samples } from "../show/samples.ts";

const tokens = [
  { name: "op", secret: "secret-of-op", roles: ["operator"] as const },
  { name: "eve", secret: "secret-of-eve", roles: ["viewer"] as const },
];
let world: World;
beforeAll(async () => {
  const kept = { ...samples(), deliveries: [delivery, { ...delivery, id: "d-2", state: "pending" as const }] };
  world = await openWorld({ kept, options: { tokens } });
});
afterAll(() => world.show[Symbol.asyncDispose]());

async function run(args: readonly string[], token = "secret-of-op"): Promise<readonly string[]> {
  const lines: string[] = [];
  const io = { out: (line: string) => void lines.push(line), err: () => {} };
  expect(await deliveries.run([...args, "--url", world.show.url, "--token", token], io)).toBe(0);
  return lines;
}

describe("homeostat deliveries", () => {
  test("lists dead letters, or whatever state is asked for, without their bodies", async () => {
    expect(await run([])).toEqual([
      expect.stringMatching(
        /^2026-.*Z {2}failed {4} delivery-1 to ops, 14 tries: gave up after 14 tries: answered 503$/,
      ),
    ]);
    expect(await run(["--state", "all", "--json"])).toHaveLength(2);
    const [pending] = await run(["--state", "pending", "--json"]);
    expect(JSON.parse(pending!)).toMatchObject({ id: "d-2", bytes: delivery.body.length });
    expect(pending).not.toContain('"body"');
    expect(await run(["--state", "delivered"])).toEqual(["no message is delivered; --state all lists every one"]);
    expect(await run(["--state", "delivered", "--json"])).toEqual([]);
  });

  test("sends one again, and says what there is not", async () => {
    expect((await run(["replay", "delivery-1"]))[0]).toContain("pending    delivery-1 to ops");
    await expect(run(["replay", "nothing"])).rejects.toThrow(/no message nothing/);
  });

  test("shows receivers to whoever may read, and messages to operators only", async () => {
    expect(await run(["receivers"], "secret-of-eve")).toEqual(["ops  https://ops.example/  breaker closed, 0 waiting"]);
    await expect(run([], "secret-of-eve")).rejects.toThrow(/refuses \(403\)/);
  });

  test.each([[["replay"]], [["send", "x"]], [["--state", "lost"]], [["receivers", "x"]]])(
    "%j is misused",
    async (args) => {
      await expect(run(args)).rejects.toThrow(/it takes replay ID|--state is none/);
    },
  );
});
