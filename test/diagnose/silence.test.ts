// What it means that no detector says anything: that nothing is odd, once they have a past; nothing at all before.
import { expect, test } from "vitest";
import { createLooker } from "../../src/diagnose/look.ts";
import { createQueries } from "../../src/diagnose/queries.ts";
import { createTopology } from "../../src/diagnose/topology.ts";
import type { SymptomSpec } from "../../src/model/failure-mode.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { anomaly, start } from "./fleet.ts";
import { deployment, memoryLogs, memorySeries, replica } from "./memory-sources.ts";

const late: SymptomSpec = {
  id: "late",
  says: "late",
  source: { kind: "anomaly", signal: "ttft", direction: "up" },
  present: 2,
  absent: 0.5,
};

test.each([
  [true, "absent"],
  [false, "unknown"],
] as const)("with a past %s, silence is %s; what is told counts either way", async (silenceTells, state) => {
  const queries = createQueries(memorySeries(), silentTelemetry);
  const looker = createLooker([], queries, memoryLogs(), silentTelemetry);
  const topology = createTopology();
  topology.update([replica("a"), replica("b")]);
  const alive = new Set(["replica:a", "replica:b"]);
  const anomalies = [anomaly("b", "ttft", "up", start)];
  const base = { at: start, onset: start, knownAt: start, scope: deployment, changes: [], alive, topology };
  const look = await looker.look({ ...base, anomalies, silenceTells }, [late]);
  expect(look(late, "replica:a").state).toBe(state);
  expect(look(late, "replica:b").state).toBe("present");
  expect(look(late, "replica:unheard").state).toBe("unknown");
});
