// A cause that led, and what it brings about minutes later, through the room as it runs: the diagnosis stays.
import { expect, test } from "vitest";
import { createDiagnosis } from "../../src/diagnose/diagnose.ts";
import type { Alert } from "../../src/model/anomaly.ts";
import type { Entity } from "../../src/model/entity.ts";
import type { FailureMode, SymptomSpec } from "../../src/model/failure-mode.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { modes, start } from "./fleet.ts";
import { deployment, memoryChanges, memoryLogs, memorySeries } from "./memory-sources.ts";

const entity = "replica:vllm-0";
const symptom = (id: string, present: number): SymptomSpec => ({
  ...{ id, says: id, present, absent: 0.9 },
  source: { kind: "expr", expr: `llm:${id} > 0` },
});
const mode = (id: string, symptoms: readonly SymptomSpec[], consequences: readonly string[] = []): FailureMode => ({
  ...{ ...modes[0]!, id, title: id, at: ["replica"], prior: 0.1, path: [], discriminators: [], symptoms, consequences },
});
const catalogue = (consequences: readonly string[]): FailureMode[] => [
  mode("stall", [symptom("stalls", 10), symptom("idles", 4)], consequences),
  mode("overflow", [symptom("full", 40), symptom("preempts", 20)]),
];

async function toldOver(consequences: readonly string[]): Promise<readonly string[]> {
  const source = memorySeries();
  const diagnose = createDiagnosis(catalogue(consequences), {
    ...{ source, logs: memoryLogs(), changes: memoryChanges([]), telemetry: silentTelemetry },
  });
  const entities: Entity[] = [{ id: entity, kind: "replica", name: "vllm-0", labels: {}, parent: deployment }];
  const alert: Alert = {
    ...{ id: "a", rule: "Late", group: "g", state: "firing", labels: { severity: "page" }, annotations: {}, entity },
    ...{ failureMode: "stall", activeAt: start, value: 1 },
  };
  const told: string[] = [];
  for (let at = start; at <= start + 15 * 60_000; at += 15_000) {
    const isLater = at >= start + 5 * 60_000;
    for (const name of ["stalls", "idles"]) source.add({ __name__: `llm:${name}`, entity, parent: deployment }, at, 1);
    for (const name of ["full", "preempts"])
      source.add({ __name__: `llm:${name}`, entity, parent: deployment }, at, isLater ? 1 : 0);
    const { diagnoses } = await diagnose.step({ at, anomalies: [], alerts: [alert], entities });
    for (const { causes } of diagnoses) told.push(causes[0]!.failureMode);
  }
  return [...new Set(told)];
}

test("a consequence of what led so far is told as part of it; anything else that is likelier by far displaces it", async () => {
  expect(await toldOver(["overflow"])).toEqual(["stall"]);
  expect(await toldOver([])).toEqual(["stall", "overflow"]);
});
