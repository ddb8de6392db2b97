// Anomalies as backtest and replay print them.
import type { Anomaly } from "../model/anomaly.ts";
import { formatDuration } from "../model/time.ts";
import type { Io } from "./command.ts";
import type { Rejudged } from "./rejudge.ts";

/** JSON writes what it cannot say (a band without an end) as null. */
export function tellAnomalies(judged: Rejudged, detector: string | undefined, json: boolean, io: Io): void {
  const anomalies = judged.anomalies.filter((one) => detector === undefined || one.detector === detector);
  if (json) {
    io.out(JSON.stringify({ ...judged, anomalies }));
    return;
  }
  for (const anomaly of anomalies) io.out(lineOf(anomaly));
  if (anomalies.length === 0 && judged.anomalies.length > 0) {
    const others = [...new Set(judged.anomalies.map((one) => one.detector))]
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join(", ");
    io.err(`none is of ${detector}; there are some of ${others}`);
  }
  io.out(
    `${anomalies.length} anomalies in ${judged.steps} steps over ${judged.points} points of ${judged.series} series beside the judged signals`,
  );
}

function lineOf({ onset, endedAt, lastSeen, entity, tail, shape, detector, signal, evidence }: Anomaly): string {
  const lasted = `${formatDuration((endedAt ?? lastSeen) - onset)}${endedAt === undefined ? " and on" : ""}`;
  const says = evidence[0]?.says ?? `${signal} of ${entity}`;
  return `${new Date(onset).toISOString()} ${entity} ${shape} for ${lasted} (${detector}, tail ${tail.toExponential(1)}): ${says}`;
}
