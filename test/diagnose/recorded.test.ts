// Telemetry of a real engine at its cap, as it was measured: found by the service as it ships, and not taken for a full cache.
import { expect, test } from "vitest";
import { playPages } from "../../bench/burstgpt/play.ts";
import { readLevels } from "../../bench/burstgpt/recorded.ts";

const levels = readLevels("../shared/data/traces/vllm-burstgpt-replay", 5000);
const needs = "(needs ../shared/data/traces/vllm-burstgpt-replay)";

test.skipIf(levels.length === 0)(
  `the heaviest load measured is a cap on concurrency, and the cache is no suspect ${needs}`,
  async () => {
    const { opened, diagnoses } = await playPages(levels.at(-1)!.pages, true);
    expect(opened).toHaveLength(1);
    const causes = diagnoses.at(-1)!.diagnosis.causes;
    expect(causes[0]).toMatchObject({ failureMode: "concurrency-cap", location: "replica:one:8000" });
    expect(causes[0]!.probability).toBeGreaterThan(0.5);
    expect(causes.find(({ failureMode }) => failureMode === "kv-cache-saturation")?.probability ?? 0).toBeLessThan(
      0.05,
    );
  },
  120_000,
);

test.skipIf(levels.length === 0)(
  `the lightest load measured, which never queued, is no incident ${needs}`,
  async () => {
    const level = levels[0]!;
    expect(level.cappedMs).toBe(0);
    expect((await playPages(level.pages, true)).opened).toEqual([]);
  },
  120_000,
);
