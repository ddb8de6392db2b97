// Whether it got better for the repair: bursts that end by themselves, siblings in the same trouble, harm to those beside it.
import { describe, expect, test } from "vitest";
import { attribute } from "../../src/act/verify/attribution.ts";
import { compareByRanks } from "../../src/math/mann-whitney.ts";
import { seededRandom } from "../../src/math/random.ts";
import type { Action } from "../../src/model/action.ts";
import { deployment, memorySeries } from "../diagnose/memory-sources.ts";
import { auto, bench, proposal, start } from "./bench.ts";

const minute = 60_000;
const stepMs = 15_000;
/** Trouble from minute 10, a repair at minute 15, all checks hold from minute 17. */
const since = start + 10 * minute;
const sentAt = start + 15 * minute;
const holdsSince = start + 17 * minute;
const names = ["vllm-0", "vllm-1", "vllm-2", "vllm-3"];
const { action } = proposal({ troubleSince: since });

const watchMs = 2 * minute;

/** Factor on a usual first token (0.2 s) and on five waiting requests, by replica and minute. */
type Shape = (name: string, at: number) => number;

function fleetOf(shape: Shape, seed: number, until: number, memory = 0.6) {
  const source = memorySeries();
  const random = seededRandom(seed);
  for (const name of names) {
    // What a step brings is much like the step before: an autoregressive noise.
    let noise = 0;
    for (let at = start; at <= until; at += stepMs) {
      noise = memory * noise + Math.sqrt(1 - memory ** 2) * (random() + random() + random() - 1.5);
      const labels = { entity: `replica:${name}`, parent: deployment };
      const factor = shape(name, at) * Math.exp(0.25 * noise);
      source.add({ __name__: "llm:ttft_seconds:p95", ...labels }, at, 0.2 * factor);
      source.add({ __name__: "llm:itl_seconds:p95", ...labels }, at, 0.02 * Math.exp(0.05 * noise));
      source.add({ __name__: "llm:requests_waiting", ...labels }, at, Math.round(Math.max(0, factor - 1) * 5));
    }
  }
  return source;
}

function ask(shape: Shape, { seed = 1, now = holdsSince + watchMs + minute, touched = new Set<never>() } = {}) {
  return attribute({ action, sentAt, holdsSince, watchMs, touched }, fleetOf(shape, seed, now), now);
}

const inTrouble = (at: number, until = sentAt + minute): boolean => at >= since && at < until;
/** A busy hour that ends when the repair happens to be made. */
const busyHour: Shape = (_name, at) => (inTrouble(at) ? 8 : 1);
const ofTarget: Shape = (name, at) => (name === "vllm-0" && inTrouble(at) ? 8 : 1);
const curedAlone: Shape = (name, at) =>
  inTrouble(at, name === "vllm-0" ? sentAt + minute : start + 60 * minute) ? 8 : 1;

describe("a recovery", () => {
  test.each<readonly [string, Shape, string, RegExp]>([
    ["that all siblings had as well is not the repair's", busyHour, "shared", /^3 of 3 siblings had the same trouble/],
    ["of what only the target suffered from is its own", ofTarget, "own", /3 siblings had no such trouble/],
    ["that siblings in the same trouble did not have is its own", curedAlone, "own", /in the same trouble did not/],
    ["of something that was not felt cannot be compared", () => 1, "untold", /nothing people feel/],
    [
      "that stops halfway is told",
      (n, at) => (ofTarget(n, at) > 1 ? 8 : n === "vllm-0" && at > since ? 3 : 1),
      "worse",
      /above that before/,
    ],
    [
      "at a sibling's cost is harm",
      (n, at) => (n === "vllm-2" && at > sentAt ? 6 : ofTarget(n, at)),
      "harmed",
      /time to first token of replica:vllm-2/,
    ],
  ])("%s", async (_what, shape, kind, says) => {
    const found = await ask(shape);
    expect(found).toMatchObject({ kind, says: expect.stringMatching(says) });
  });

  test("is no success before its siblings were watched", async () => {
    expect(await ask(ofTarget, { now: holdsSince + watchMs - stepMs })).toMatchObject({ kind: "early" });
    expect(await ask(ofTarget, { now: holdsSince + watchMs })).toMatchObject({ kind: "own" });
  });

  test("is compared with nobody who was acted on too, and says so where nobody is left", async () => {
    const touched = new Set(names.slice(1).map((name) => `replica:${name}` as const)) as Set<never>;
    expect(await ask(busyHour, { touched })).toMatchObject({
      kind: "untold",
      says: expect.stringContaining("no sibling"),
    });
  });

  test("of a whole deployment has no siblings; what is left of its trouble is told all the same", async () => {
    const whole = { action: { ...action, target: deployment }, sentAt, holdsSince, watchMs, touched: new Set<never>() };
    const now = holdsSince + watchMs;
    expect(await attribute(whole, fleetOf(busyHour, 1, now), now)).toMatchObject({ kind: "untold" });
    const half: Shape = (_n, at) => (inTrouble(at) ? 8 : at > since ? 4 : 1);
    expect(await attribute(whole, fleetOf(half, 1, now), now)).toMatchObject({ kind: "worse" });
  });

  test("of every second moment only is not clear enough to judge by", async () => {
    const flickers: Shape = (n, at) =>
      ofTarget(n, at) > 1 && (at / stepMs) % 8 < 5 ? 1.8 : ofTarget(n, at) > 1 ? 0.85 : 1;
    expect(await ask(flickers)).toMatchObject({ kind: "untold" });
  });

  test("keeps its figures for the ledger", async () => {
    const { figures } = await ask(busyHour);
    const ttft = figures.find(({ metric }) => metric === "llm:ttft_seconds:p95")!;
    expect(ttft.target.during! / ttft.target.before!).toBeGreaterThan(5);
    expect(ttft.siblings).toMatchObject({ count: 3 });
    expect(ttft.siblings!.after! / ttft.siblings!.before!).toBeLessThan(1.5);
  });
});

test("over many fleets: a recovery of all is hardly ever called the repair's, a cure of one nearly always is", async () => {
  const kinds = async (shape: Shape): Promise<string[]> => {
    const found: string[] = [];
    for (let seed = 1; seed <= 150; seed++) found.push((await ask(shape, { seed })).kind);
    return found;
  };
  const share = (all: readonly string[], kind: string): number => all.filter((one) => one === kind).length / all.length;
  expect(share(await kinds(busyHour), "own")).toBeLessThan(0.02);
  expect(share(await kinds(ofTarget), "own")).toBeGreaterThan(0.95);
  expect(share(await kinds(() => 1), "harmed")).toBeLessThan(0.02);
});

describe("in the room", () => {
  /** Plays the shape beside the repair; returns the room's bench. */
  async function play(shape: Shape, also = async (_room: ReturnType<typeof bench>) => {}, more: Partial<Action> = {}) {
    const blastRadius = { maxConcurrent: 9, maxShare: 1, maxPerHour: 9 };
    const room = bench([{ ...auto, attempts: 1, blastRadius }]);
    const { records, run, state, source } = room;
    const history = fleetOf(shape, 1, start + 40 * minute);
    for (const view of history.select([], { from: 0, to: Number.MAX_SAFE_INTEGER }) as never as Iterable<View>)
      for (let i = 0; i < view.length; i++) source.add(view.labels, view.times[i]!, view.values[i]!);
    state.now = sentAt;
    state.tokens = 0;
    await run(10_000);
    await also(room);
    await room.act.propose(proposal({ troubleSince: since, proposedAt: sentAt, ...more }), state.now);
    await run(minute);
    state.tokens = 100;
    await run(10 * minute);
    return { last: records.all.actions.at(-1)!, room };
  }

  test("a restart at the end of a busy hour is no success, and nobody is woken for it", async () => {
    const { last, room } = await play(busyHour);
    expect(last).toMatchObject({
      state: "verified",
      verdict: "inconclusive",
      reason: expect.stringContaining("not shown to be for this"),
    });
    expect(last.compared!.length).toBeGreaterThan(0);
    expect(room.sent.map(({ type }) => type)).toEqual(["action.requested"]);
    expect(room.act.status().demoted).toEqual([]);
  });

  test("a sibling that was repaired as well is no control", async () => {
    const verify = [{ id: "is", says: "it is", expr: "vector(1)", forMs: 5000, withinMs: minute }];
    const { last } = await play(busyHour, async ({ act, state, run }) => {
      for (const name of ["vllm-1", "vllm-2"]) {
        await act.propose(proposal({ target: `replica:${name}`, verify, proposedAt: sentAt }), state.now);
        await run(40_000);
      }
    });
    expect(last).toMatchObject({ state: "verified", reason: expect.stringContaining("1 of 1 sibling had") });
  });

  test("what is half cured has its time, and then a person looks", async () => {
    const half: Shape = (n, at) => (ofTarget(n, at) > 1 ? 8 : n === "vllm-0" && at > since ? 3 : 1);
    const verify = proposal().action.verify.map((check) => ({ ...check, withinMs: 8 * minute }));
    const { room, last } = await play(half, undefined, { verify });
    expect(last).toMatchObject({
      state: "failed",
      verdict: "inconclusive",
      reason: expect.stringContaining("above that before"),
    });
    const judgedAfter = last.at - room.records.all.actions.find(({ state }) => state === "verifying")!.at;
    expect(judgedAfter).toBeGreaterThanOrEqual(8 * minute);
    expect(room.sent.map(({ type }) => type)).toEqual(["action.requested", "action.escalated"]);
  });

  test("a cure is a success", async () => {
    expect((await play(ofTarget)).last).toMatchObject({ state: "verified", verdict: "success" });
  });

  test("harm to a sibling demotes, and people are told", async () => {
    const { last, room } = await play((n, at) => (n === "vllm-2" && at > sentAt ? 6 : ofTarget(n, at)));
    expect(last).toMatchObject({ state: "failed", verdict: "fail" });
    expect(room.act.status().demoted).toHaveLength(1);
    expect(room.sent.map(({ type }) => type)).toEqual(["action.requested", "action.escalated"]);
  });
});

interface View {
  readonly labels: Record<string, string>;
  readonly length: number;
  readonly times: Float64Array;
  readonly values: Float64Array;
}

describe("ranks", () => {
  const of = (...values: number[]): Float64Array => Float64Array.from(values);

  test("say how far one sample lies above another, ties as half", () => {
    expect(compareByRanks(of(1, 2, 3, 4), of(5, 6, 7, 8))!.delta).toBe(1);
    expect(compareByRanks(of(5, 6, 7, 8), of(1, 2, 3, 4))!.delta).toBe(-1);
    expect(compareByRanks(of(1, 1, 1, 1), of(1, 1, 1, 1))).toEqual({ delta: 0, pAbove: 1 });
    expect(compareByRanks(of(1, 2, 3), of(4, 5, 6, 7))).toBeUndefined();
  });

  test("give the tail of the published normal approximation", () => {
    // 23 of 5 x 6 pairs, no ties: z = (23 - 15 - 0.5) / sqrt(30) = 1.369.
    const a = of(1, 2, 3, 7, 9);
    const b = of(4, 5, 6, 8, 10, 11);
    expect(compareByRanks(a, b)!.pAbove).toBeCloseTo(0.0855, 4);
  });

  test("are right one time in twenty of no difference", () => {
    const random = seededRandom(5);
    let hits = 0;
    for (let i = 0; i < 4000; i++) {
      const draw = (n: number): Float64Array => Float64Array.from({ length: n }, () => random());
      if (compareByRanks(draw(12), draw(9))!.pAbove < 0.05) hits++;
    }
    expect(hits / 4000).toBeGreaterThan(0.035);
    expect(hits / 4000).toBeLessThan(0.065);
  });
});
