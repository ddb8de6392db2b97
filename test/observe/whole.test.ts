// Where a question about the past is answered: in memory as far as that holds, in history beyond, and nowhere for what is never stored.
import { expect, test } from "vitest";
import type { LabelMatcher } from "../../src/model/ports/series-source.ts";
import { createUnited, createWithout } from "../../src/observe/united.ts";
import { createWhole } from "../../src/observe/whole.ts";
import { point, rawSeries } from "./raw.ts";
import { setUp, t0 } from "./set-up.ts";

const minute = 60_000;
const named = (value: string): readonly LabelMatcher[] => [{ name: "__name__", op: "=", value }];

/** A history that is empty and counts how often it is asked. */
function countedHistory() {
  const asked: string[] = [];
  const history = {
    select: (matchers: readonly LabelMatcher[]) => {
      asked.push(matchers[0]?.value ?? "");
      return [];
    },
    labelSets: () => Promise.resolve([]),
  };
  return { asked, history };
}

test("a sender that catches up on two hours is judged from memory alone, each step with its own past", async () => {
  const { asked, history } = countedHistory();
  const waiting = rawSeries("vllm:num_requests_waiting", "gauge");
  const { head, reader } = setUp({ windowMs: 30 * minute, stepMs: 15_000 });
  // The service is up and has read nothing when two hours come at once.
  await head.refresh(t0);
  const points = Array.from({ length: 480 }, (_, i) => point(waiting, t0 - 120 * minute + i * 15_000, i));
  reader.push([waiting], points);
  await head.refresh(t0);
  const live = createWhole(head, history, { windowMs: 30 * minute, readers: "live" });
  let steps = 0;
  for (const { at } of head.frames(t0)) {
    const views = await live.select(named(waiting.metric), { from: at - 20 * minute, to: at + 1 });
    expect(views[0]?.length, `at ${(at - t0) / minute} min`).toBe(Math.min(steps + 1, 81));
    steps++;
  }
  expect(steps).toBeGreaterThan(470);
  expect(asked).toEqual([]);
  // Others ask about all of time, and get what memory has let go of from history.
  const anytime = createWhole(head, history, { windowMs: 30 * minute, readers: "anytime" });
  await anytime.select(named(waiting.metric), { from: t0 - 110 * minute, to: t0 - 100 * minute });
  expect(asked).toEqual([waiting.metric]);
});

test("history is not asked for names it cannot have, and for all others it is", async () => {
  const { asked, history } = countedHistory();
  const without = createUnited([createWithout(history, new Set(["service:tokens:rate10m"]))]);
  const range = { from: 0, to: 1 };
  expect(await without.select(named("service:tokens:rate10m"), range)).toEqual([]);
  await without.select(named("up"), range);
  await without.select([{ name: "__name__", op: "=~", value: "service:.*" }], range);
  expect(asked).toEqual(["up", "service:.*"]);
});
