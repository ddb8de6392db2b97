// Recorded traffic beside the repository: requests per second in windows, as many series as there are; none without it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RecordedRates } from "../../src/simulate/demand.ts";

/** Clients with less than this share of windows with traffic say nothing of a service's day. */
const busyShareMin = 0.2;
const windowsMin = 500;

/** Files of `traces/servegen` (rates in windows of 10 minutes, by model or client) under a folder of shared data. */
export function readRecorded(data: string): readonly RecordedRates[] {
  return [
    ...ratesOf(join(data, "traces/servegen/total-rates.csv"), "model", "total_rps"),
    ...ratesOf(join(data, "traces/servegen/rates-language-m-small.csv"), "client", "rate_rps"),
  ];
}

function ratesOf(path: string, keyName: string, rateName: string): readonly RecordedRates[] {
  if (!existsSync(path)) return [];
  const [head = "", ...lines] = readFileSync(path, "utf8").trim().split("\n");
  const names = head.split(",");
  const [key, start, rate] = [keyName, "window_start_s", rateName].map((name) => names.indexOf(name)) as [
    number,
    number,
    number,
  ];
  const rows = new Map<string, [number, number][]>();
  for (const line of lines) {
    const cells = line.split(",");
    const own = rows.get(cells[key] ?? "") ?? [];
    own.push([Number(cells[start]), Number(cells[rate]) || 0]);
    rows.set(cells[key] ?? "", own);
  }
  return [...rows.values()].flatMap((own) => {
    const busy = own.filter(([, value]) => value > 0).length / own.length;
    if (own.length < windowsMin || busy < busyShareMin) return [];
    return [{ windowMs: 1000 * (own[1]![0] - own[0]![0]), rates: Float64Array.from(own, ([, value]) => value) }];
  });
}
