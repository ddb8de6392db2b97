// A simulated fleet of which half runs another version, sent to a service over real OTLP.
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createFleet } from "../../src/simulate/fleet.ts";
import { createRecorder } from "../../src/simulate/otlp.ts";
import { createRandom } from "../../src/simulate/random.ts";
import { healthyScenario, Scenario } from "../../src/simulate/scenario.ts";
import { createShipper } from "../../src/simulate/ship.ts";

/** Ends at `endAt`; the first two of four replicas run 0.11.0, `factor` as slow as 0.10.2, from the first second on. */
export async function sendVersions(
  otlpUrl: string,
  run: { readonly seed: number; readonly factor: number; readonly minutes: number; readonly endAt: number },
): Promise<{ readonly from: number; readonly to: number }> {
  const { seed, factor, minutes, endAt } = run;
  const lengthMs = minutes * 60_000;
  const startAt = endAt - lengthMs;
  const faults = ["replica:0", "replica:1"].map((target) => ({
    ...{ kind: "canary_regress", target, atMs: 1000, rampMs: 0, params: { version: "0.11.0", factor } },
  }));
  const scenario = Scenario.parse({ ...healthyScenario(seed, { replicas: 4 }), faults });
  const recorder = createRecorder(scenario, startAt, createRandom(seed, "trace-ids"));
  const shipper = createShipper({ endpoint: otlpUrl, telemetry: silentTelemetry, attemptsMax: 20 });
  const fleet = createFleet(scenario, { finished: recorder.span });
  for (let at = 15_000; at <= lengthMs; at += 15_000) {
    fleet.advance(at);
    recorder.scrape(fleet.replicas, at);
    if (at % 60_000 === 0) await shipper.ship(recorder.take());
  }
  await shipper.stop();
  // Both restarts are over.
  return { from: startAt + 60_000, to: endAt };
}
