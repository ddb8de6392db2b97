// The whole way round: Homeostat decides and asks, the agent does it and says what became of it, Homeostat hears it and goes on.
import net, { type AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";
import { openActWorld } from "../security/act-world.ts";
import { lab, restart } from "./lab.ts";

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test.each([
  ["does it", "#!/bin/sh\nexit 0\n", "succeeded", "verifying"],
  ["fails", "#!/bin/sh\necho 'no such engine' >&2\nexit 3\n", "failed", "failed"],
])("an agent that %s is heard by the service that asked it", async (_what, script, outcome, state) => {
  const host = await lab();
  const port = await freePort();
  const replySecret = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
  const policies = [{ mode: "auto" }] as const;
  const room = await openActWorld(
    `http://127.0.0.1:${port}/actions`,
    { policies: [...policies] },
    { resultKeys: { fleet: [replySecret] } },
  );
  const url = `${room.world.show.url}/api/v1/actions/results`;
  const reply = { url, keys: [{ file: host.path("reply.key") }], allow: ["127.0.0.0/8"] };
  const step = { use: "script", program: host.put("x.sh", script, 0o755) };
  await host.start([{ ...restart, do: [step] }], { listen: { port }, reply });
  await room.propose();
  await vi.waitFor(() => expect(room.ledger().map((one) => one.state)).toContain("reported"), { timeout: 20_000 });
  await room.step();
  expect(room.ledger().find((one) => one.state === "reported")).toMatchObject({ by: "fleet", reports: outcome });
  const after = room.ledger().slice(room.ledger().findIndex((one) => one.state === "reported"));
  expect(after.map((one) => one.state)).toContain(state);
  expect(room.refusals()).toEqual([]);
});
