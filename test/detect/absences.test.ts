// Who is missing: one that falls silent alone is; those that fall silent together, or around a change, are not.
import { describe, expect, test } from "vitest";
import { createDetection } from "../../src/detect/detection.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createFleet, type Fault, start } from "./fleet.ts";

const stepMs = 60_000;
const faultAt = 1500;
const silentFor = 8;

/** What was told of absences; `changed` at `faultAt` plus so many steps, of the target. */
async function told(
  hit: (replica: number) => boolean,
  change?: { readonly target: string; readonly atStep: number },
): Promise<readonly Anomaly[]> {
  const fault: Fault = (values, step, replica) => {
    if (step < faultAt || step >= faultAt + silentFor || !hit(replica)) return;
    for (const id of Object.keys(values)) values[id as "ttft"] = Number.NaN;
  };
  const fleet = createFleet({ seed: 5, stepMs, fault });
  await using detection = await createDetection(
    { stepMs },
    { exclusions: { current: () => [] }, telemetry: silentTelemetry, modelsDirectory: "" },
  );
  const out: Anomaly[] = [];
  for (let step = 0; step < faultAt + silentFor + 4; step++) {
    if (change?.atStep === step) detection.changed(change.target, start + step * stepMs);
    for (const anomaly of await detection.step(fleet())) if (anomaly.detector === "absence") out.push(anomaly);
  }
  return out;
}

describe("a replica that falls silent", () => {
  test("alone of its siblings is missed, and is back when it is", async () => {
    const found = await told((replica) => replica === 1);
    expect(found[0]).toMatchObject({ entity: "replica:vllm-1", shape: "dropout", direction: "down" });
    expect(found[0]?.evidence[0]?.says).toMatch(/^vllm-1 alone of its siblings has sent no telemetry for \d+m, /);
    expect(found.at(-1)?.endedAt).toBeDefined();
  });

  test("with all its siblings is not: the telemetry is gone", async () => {
    expect(await told(() => true)).toEqual([]);
  });

  test.each([
    ["itself, before", "replica:vllm-1", -3],
    ["what it belongs to, before", "deployment:chat", -10],
    ["itself, told a little late", "replica:vllm-1", 1],
  ])("after a change of %s, is not", async (_what, target, offset) => {
    expect(await told((replica) => replica === 1, { target, atStep: faultAt + offset })).toEqual([]);
  });

  test.each([
    ["of another", "replica:vllm-2", -3],
    ["of half an hour ago", "replica:vllm-1", -30],
  ])("after a change %s, is", async (_what, target, offset) => {
    const found = await told((replica) => replica === 1, { target, atStep: faultAt + offset });
    expect(found.length).toBeGreaterThan(0);
  });
});
