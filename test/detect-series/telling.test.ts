// How an odd series is told to people.
import { expect, test } from "vitest";
import { tellSeries } from "../../src/detect/series/telling.ts";
import { levelSentence } from "../../src/detect/telling.ts";
import type { SeriesFacts } from "../../src/model/ports/series-steps.ts";

const facts: SeriesFacts = {
  key: "k",
  entity: "replica:vllm-1",
  reading: "value",
  harm: "either",
  unit: "",
  labels: () => ({}),
};
const says = (labels: Record<string, string>, observed: number, low: number, high: number, more = {}): string =>
  tellSeries({ ...facts, ...more }, labels, observed, { low, high }, 0).says;

test("a canonical series by its title and unit, whatever labels it has", () => {
  const labels = { __name__: "llm:queue_time_seconds:p95", version: "0.10.2", model: "m" };
  expect(says(labels, 4.74, 0.275, 0.295)).toBe(
    "Time in queue, p95 of vllm-1 is 4.74 s; 275 to 295 ms is normal for it.",
  );
});

test("any other by its name and what tells it from its like", () => {
  const labels = { __name__: "queue_depth", shard: "s3", entity: "replica:vllm-1", job: "j", service_name: "chat" };
  expect(says(labels, 74, 3, 9)).toBe('queue_depth{shard="s3"} of vllm-1 is 74; 3 to 9 is normal for it.');
  expect(says({ __name__: "x" }, 2, 0, 1, { reading: "rate" })).toBe(
    "x of vllm-1 is 2 a second; 0 to 1 is normal for it.",
  );
});

test("a band around zero is zero, and no band is none", () => {
  expect(says({ __name__: "x" }, 6, -3.4e-9, 2.07)).toBe("x of vllm-1 is 6; 0 to 2.07 is normal for it.");
  expect(says({ __name__: "x" }, 6, Number.NaN, Number.NaN)).toBe("x of vllm-1 is 6.");
});

test("counts are told as people count, and what is back within its band was beyond it", () => {
  expect(levelSentence({ title: "Blocks", unit: "{block}" }, "vllm-1", 1490, { low: 5660, high: 6050 })).toBe(
    "Blocks of vllm-1 is 1490 blocks; 5660 to 6050 blocks is normal for it.",
  );
  const some = { title: "Waiting", unit: "{request}" };
  expect(levelSentence(some, "vllm-1", 1, { low: 0, high: 4.3 })).toBe(
    "Waiting of vllm-1 is 1 request; 0 to 4.3 requests is normal for it; it was beyond that shortly before.",
  );
  expect(levelSentence({ title: "Retries", unit: "{retry}/s" }, "x", 2, { low: 0, high: 1 })).toContain("2 retries/s");
  expect(levelSentence({ title: "Passes", unit: "{batch}/s" }, "x", 2, { low: 0, high: 1 })).toContain("2 batches/s");
  expect(levelSentence(some, "x", 1, { low: 0, high: 4 }, "it swings")).not.toContain("shortly before");
});
