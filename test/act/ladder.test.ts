// What follows a repair that did not help: the next of the ladder, after a pause, asked about like any other.
import { expect, test } from "vitest";
import type { Proposal } from "../../src/model/action.ts";
import { ada, auto, bench, proposal, start, wordOn } from "./bench.ts";

const shed = proposal({
  ...{ id: "a-shed", kind: "shed-load", idempotencyKey: "key-shed" },
  parameters: { share: "0.2", seconds: "120" },
}).action;
const ladder = (): Proposal => ({ ...proposal(), otherwise: [shed] });
const once = { ...auto, attempts: 1 };

test("a repair that did not help is followed by the next, which a demoted policy asks about", async () => {
  const { act, run, requests, states, state } = bench([once]);
  await act.propose(ladder(), start);
  await run(150_000);
  expect(states().slice(-3)).toEqual(["failed", "proposed", "held by cooldown"]);
  await run(400_000);
  expect(states().at(-1)).toBe("held by mode");
  expect(requests()).toHaveLength(1);
  await act.people.approve(wordOn(act, "a-shed-1"), state.now);
  expect(requests().map(({ data }) => data["action"])).toEqual(["restart-replica", "shed-load"]);
});

test("the next is not tried when all is well by then", async () => {
  const { act, run, requests, states, state } = bench([once]);
  await act.propose(ladder(), start);
  await run(150_000);
  state.tokens = 100;
  await run(600_000);
  expect(states().at(-1)).toBe("held by recovered");
  expect(requests()).toHaveLength(1);
});

test("nobody can tell whether it helped: a person looks before anything else is tried", async () => {
  const { act, run, requests, state } = bench([once]);
  await act.propose(ladder(), start);
  state.tokens = undefined;
  await run(900_000);
  state.tokens = 0;
  await act.propose(ladder(), state.now);
  await run(900_000);
  expect(requests()).toHaveLength(1);
  expect(act.status().open).toEqual([]);
});

test("the same diagnosis again goes on where the ladder stands, and ends where it ends", async () => {
  const { act, run, requests, state } = bench([
    { ...once, action: "restart-replica" },
    { ...once, id: "ask", mode: "approve" },
  ]);
  await act.propose(ladder(), start);
  await run(150_000);
  await act.propose(ladder(), state.now);
  expect(act.status().open.map(({ action }) => action.id)).toEqual(["a-shed-1"]);
  await run(400_000);
  await act.people.approve(wordOn(act, "a-shed-1", ada), state.now);
  await run(200_000);
  await act.propose(ladder(), state.now);
  await run(900_000);
  expect(requests()).toHaveLength(2);
});

test("after a restart the ledger tells what did not help, and the same diagnosis goes on with the next", async () => {
  const { act, again, run, requests, state } = bench([{ ...once, cooldown: 60_000 }]);
  await act.propose(proposal(), start);
  await run(150_000);
  const room = again();
  await room.restore();
  await run(60_000, room);
  await room.propose(ladder(), state.now);
  expect(room.status().open.map(({ action }) => action.id)).toEqual(["a-shed-1"]);
  expect(requests().map(({ data }) => data["action"])).toContain("restart-replica");
});

test("what recovered without another attempt is over: trouble later is not its business", async () => {
  const { act, run, requests, state, states } = bench([once]);
  await act.propose(ladder(), start);
  await run(150_000);
  state.tokens = 100;
  await run(600_000);
  expect(states().at(-1)).toBe("held by recovered");
  expect(act.status().open).toEqual([]);
  state.tokens = 0;
  await run(900_000);
  expect(states().at(-1)).toBe("held by recovered");
  expect(requests()).toHaveLength(1);
});
