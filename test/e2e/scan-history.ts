// A history for scans: a scenario shipped into a service's store as a simulated fleet sends it. The service then only answers.
import { readFileSync } from "node:fs";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { parseScenario } from "../../src/simulate/scenario-file.ts";
import { createShipper } from "../../src/simulate/ship.ts";
import { createSimulation } from "../../src/simulate/simulation.ts";
import { serviceIn } from "../support/service.ts";

const tickMs = 15_000;
const hourMs = 3_600_000;

/** An alert of somebody's own rules, as their Prometheus would have written it. Times since the beginning. */
export interface PastAlert {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Resolves with the service, and where its history lies. `storeUrl`: the ClickHouse it goes into. */
export async function historyOf(directory: string, storeUrl: string, file: string, alerts: readonly PastAlert[]) {
  const parsed = parseScenario(file, readFileSync(new URL(`../gauntlet/${file}`, import.meta.url), "utf8"));
  if (!parsed.ok) throw new Error(`${file} has mistakes`);
  const { scenario, durationMs } = parsed.value;
  // Of today, or it would expire; on the hour, so that every run has the same steps.
  const startAt = Math.floor(Date.now() / hourMs - 2) * hourMs;
  // It looks once a year: what is asked of it comes from its store.
  const service = await serviceIn(directory, {
    store: { url: storeUrl, diskFloorMib: 0 },
    observe: { tick: "0 0 0 1 1 *" },
  });
  const simulation = createSimulation(scenario, { startAt });
  const shipper = createShipper({ endpoint: service.otlpUrl, telemetry: silentTelemetry, attemptsMax: 3 });
  for (let atMs = tickMs; atMs <= durationMs; atMs += tickMs) {
    await shipper.ship(simulation.advance(atMs).recorded);
  }
  await shipper.stop();
  for (const alert of alerts) await send(service.otlpUrl, alert, startAt);
  await service.store.flushed();
  return { service, range: { from: startAt, to: startAt + durationMs } };
}

async function send(otlpUrl: string, { name, labels, fromMs, toMs }: PastAlert, startAt: number): Promise<void> {
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const all = { alertname: name, alertstate: "firing", ...labels };
  const attributes = Object.entries(all).map(([key, value]) => text(key, value));
  const dataPoints: object[] = [];
  for (let at = fromMs; at <= toMs; at += tickMs)
    dataPoints.push({ timeUnixNano: `${startAt + at}000000`, asDouble: 1, attributes });
  const resource = { attributes: [text("service.name", "prometheus")] };
  const metrics = [{ name: "ALERTS", gauge: { dataPoints } }];
  const answer = await fetch(`${otlpUrl}/v1/metrics`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] }),
  });
  if (!answer.ok) throw new Error(`the alert was not taken: ${answer.status}`);
}
