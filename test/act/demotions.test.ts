// Automatic repair that did not help is not automatic any more, there, until a person says so.
import { expect, test } from "vitest";
import { ada, auto, bench, proposal, start, wordOn } from "./bench.ts";

const policies = [{ ...auto, attempts: 1, cooldown: 0, blastRadius: { maxShare: 1 } }];
const next = (target: string) =>
  proposal({ target, incident: "i2", idempotencyKey: `later-${target}`, id: `later-${target}` });

async function failedOnce() {
  const room = bench(policies);
  await room.act.propose(proposal(), start);
  await room.run(200_000);
  expect(room.act.status().demoted).toMatchObject([{ policy: "all", target: "replica:vllm-0" }]);
  return room;
}

test("a policy asks for approval on the target where it failed, and only there", async () => {
  const { act, state, states, requests } = await failedOnce();
  await act.propose(next("replica:vllm-0"), state.now);
  expect(states().at(-1)).toBe("held by mode");
  await act.propose(next("replica:vllm-1"), state.now);
  expect(requests().map(({ data }) => data["target"])).toEqual(["replica:vllm-0", "replica:vllm-1"]);
});

test("it survives a restart, however many entries came after it", async () => {
  const { again, state, states, records, requests } = await failedOnce();
  const filler = Array.from(
    { length: 1500 },
    () => ({ action: proposal().action, state: "refused", at: state.now, by: "x", reason: "" }) as const,
  );
  records.all.actions.push(...filler);
  const room = again();
  await room.restore();
  await room.propose(next("replica:vllm-0"), state.now);
  expect(states().at(-1)).toBe("held by mode");
  expect(requests()).toHaveLength(1);
});

test("a person with the role ends it, in the ledger, also over a restart", async () => {
  const { act, again, state, records, requests, run } = await failedOnce();
  const concerns = { policy: "all", target: "replica:vllm-0" };
  const eve = { ...ada, name: "eve", roles: ["operator"] as const };
  expect(await act.people.rearm(concerns, eve, "", state.now)).toMatchObject({ kind: "refused", why: "forbidden" });
  expect(await act.people.rearm({ ...concerns, target: "x" }, ada, "", state.now)).toMatchObject({ why: "unknown" });
  expect(records.all.actions.slice(-2)).toMatchObject([
    { state: "refused", by: "eve" },
    { state: "refused", by: "ada" },
  ]);
  await act.propose(next("replica:vllm-0"), state.now);
  expect(await act.people.rearm(concerns, ada, "the image is mended", state.now)).toEqual({ kind: "rearmed" });
  expect(records.all.actions.at(-1)).toMatchObject({
    state: "rearmed",
    by: "ada",
    reason: "the image is mended",
    concerns,
  });
  const room = again();
  await room.restore();
  expect(room.status().demoted).toEqual([]);
  await run(30_000, room);
  expect(requests()).toHaveLength(2);
});

test("what a person approved and did not help demotes nothing, nor does blindness", async () => {
  const asked = bench([{ ...policies[0]!, mode: "approve" }]);
  await asked.act.propose(proposal(), start);
  await asked.act.people.approve(wordOn(asked.act, "a-x-1"), start);
  await asked.run(200_000);
  expect(asked.states().at(-1)).toBe("failed");
  expect(asked.act.status().demoted).toEqual([]);
  const blind = bench(policies);
  await blind.act.propose(proposal(), start);
  blind.state.tokens = undefined;
  await blind.run(900_000);
  expect(blind.states().at(-1)).toBe("failed");
  expect(blind.act.status().demoted).toEqual([]);
});
