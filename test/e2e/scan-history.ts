// A history for scans: a scenario shipped into a service's store as a simulated fleet sends it, which then only answers queries.
import { readFileSync } from "node:fs";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { parseScenario } from "../../src/simulate/scenario-file.ts";
import { createShipper } from "../../src/simulate/ship.ts";
import { createSimulation } from "../../src/simulate/simulation.ts";
import { serviceIn } from "../support/service.ts";

export const startAt = Date.UTC(2026, 0, 14, 12);
const tickMs = 15_000;

/** Resolves with the service and the end of its history. `without`: event time that is not sent. */
export async function historyOf(
  directory: string,
  file: string,
  without: { readonly from: number; readonly to: number } = { from: 0, to: 0 },
) {
  const path = new URL(`../gauntlet/${file}`, import.meta.url);
  const parsed = parseScenario(file, readFileSync(path, "utf8"));
  if (!parsed.ok) throw new Error(`${file} has mistakes`);
  const { scenario, durationMs } = parsed.value;
  // It looks once a year: what is asked of it comes from its store.
  const service = await serviceIn(directory, { observe: { tick: "0 0 0 1 1 *" } });
  const simulation = createSimulation(scenario, { startAt });
  const shipper = createShipper({ endpoint: service.otlpUrl, telemetry: silentTelemetry, attemptsMax: 3 });
  for (let atMs = tickMs; atMs <= durationMs; atMs += tickMs) {
    const { recorded } = simulation.advance(atMs);
    if (atMs <= without.from || atMs > without.to) await shipper.ship(recorded);
  }
  await shipper.stop();
  await service.store.flushed();
  return { service, endAt: startAt + durationMs };
}
