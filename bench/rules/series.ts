// A fleet of 1,000 replicas with 100 Prometheus series each, for rules to be evaluated over: the same for us and for a peer.
import type { RawPoint, RawSeries } from "../../src/model/ports/telemetry-reader.ts";

export const replicas = 1000;
export const gaugesEach = 22;
export const countersEach = 22;
export const histogramsEach = 4;
export const bounds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Bounds, +Inf, sum and count. */
const seriesOfHistogram = bounds.length + 3;
export const prometheusSeries = replicas * (gaugesEach + countersEach + histogramsEach * seriesOfHistogram);
const shards = 10;

interface Replica {
  readonly instance: string;
  readonly shard: string;
  readonly model: string;
}

function replicaOf(index: number): Replica {
  return { instance: `r${index}`, shard: `s${index % shards}`, model: `m${index % 7}` };
}

const gaugeValue = (replica: number, metric: number, round: number): number =>
  50 + ((replica * 31 + metric * 17 + round * 13) % 100) / 2;
const counterValue = (replica: number, metric: number, round: number): number =>
  round * (10 + ((replica + metric) % 9)) + ((replica * round) % 5);
const bucketValue = (replica: number, metric: number, bucket: number, round: number): number =>
  round * (2 + ((replica + metric + bucket) % 3));

/** The page a peer scrapes in a round. */
export function pageOf(round: number): string {
  const lines: string[] = [];
  for (let r = 0; r < replicas; r++) {
    const { instance, shard, model } = replicaOf(r);
    const labels = `replica="${instance}",shard="${shard}",model="${model}"`;
    for (let m = 0; m < gaugesEach; m++) lines.push(`fleet_gauge_${m}{${labels}} ${gaugeValue(r, m, round)}`);
    for (let m = 0; m < countersEach; m++)
      lines.push(`fleet_counter_${m}_total{${labels}} ${counterValue(r, m, round)}`);
    for (let m = 0; m < histogramsEach; m++) {
      let count = 0;
      for (const [b, bound] of [...bounds, "+Inf"].entries()) {
        count += bucketValue(r, m, b, round);
        lines.push(`fleet_latency_${m}_seconds_bucket{${labels},le="${bound}"} ${count}`);
      }
      lines.push(
        `fleet_latency_${m}_seconds_sum{${labels}} ${count * 0.3}`,
        `fleet_latency_${m}_seconds_count{${labels}} ${count}`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

/** The same series as the store hands them to the Head. */
export function rawSeries(): RawSeries[] {
  const found: RawSeries[] = [];
  for (let r = 0; r < replicas; r++) {
    const { instance, shard, model } = replicaOf(r);
    const add = (metric: string, kind: RawSeries["kind"], own: readonly number[] = []): void => {
      found.push({
        hash: String(found.length + 1),
        metric,
        kind,
        unit: "",
        cumulative: true,
        monotonic: kind !== "gauge",
        service: "fleet",
        resource: { "service.name": "fleet", "service.instance.id": instance },
        attributes: { replica: instance, shard, model },
        bounds: own,
      });
    };
    for (let m = 0; m < gaugesEach; m++) add(`fleet_gauge_${m}`, "gauge");
    for (let m = 0; m < countersEach; m++) add(`fleet_counter_${m}_total`, "sum");
    for (let m = 0; m < histogramsEach; m++) add(`fleet_latency_${m}_seconds`, "histogram", bounds);
  }
  return found;
}

export function rawPoints(series: readonly RawSeries[], round: number, at: number): RawPoint[] {
  const each = gaugesEach + countersEach + histogramsEach;
  return series.map(({ hash, kind }, index): RawPoint => {
    const r = Math.floor(index / each);
    const place = index % each;
    const shared = { hash, at, start: 0, flags: 0 };
    if (kind === "gauge") return { ...shared, value: gaugeValue(r, place, round), count: 0, buckets: [] };
    if (kind === "sum") return { ...shared, value: counterValue(r, place - gaugesEach, round), count: 0, buckets: [] };
    const m = place - gaugesEach - countersEach;
    const buckets = Array.from({ length: bounds.length + 1 }, (_, b) => bucketValue(r, m, b, round));
    const count = buckets.reduce((sum, one) => sum + one, 0);
    return { ...shared, value: count * 0.3, count, buckets };
  });
}

/** A thousand rules as people write them: mostly of one shard, some of the whole fleet. `w` is the range of rates. */
export function ruleFile(intervalText: string, w: string): string {
  const rule = (n: number): string => {
    const shard = n % 5 === 0 ? "" : `shard="s${n % shards}"`;
    const gauge = `fleet_gauge_${n % gaugesEach}`;
    const counter = `fleet_counter_${n % countersEach}_total`;
    const latency = `fleet_latency_${n % histogramsEach}_seconds`;
    switch (n % 10) {
      case 0:
      case 1:
      case 2:
        return `      - record: fleet:counter_${n}:rate\n        expr: sum by (model) (rate(${counter}{${shard}}[${w}]))`;
      case 3:
      case 4:
        return `      - alert: Latency${n}\n        expr: histogram_quantile(0.95, sum by (le, model) (rate(${latency}_bucket{shard="s${n % shards}"}[${w}]))) > 60\n        for: 5m`;
      case 5:
      case 6:
        return `      - alert: Full${n}\n        expr: max by (replica) (${gauge}{${shard}}) > 1000\n        for: 2m`;
      case 7:
        return `      - alert: Ratio${n}\n        expr: sum(rate(${counter}{${shard}}[${w}])) / sum(rate(${latency}_count{${shard}}[${w}])) > 1000`;
      case 8:
        return `      - alert: Peak${n}\n        expr: max_over_time(${gauge}{shard="s${n % shards}"}[${w}]) > 1000 and on (replica) ${gauge} > 0`;
      default:
        return `      - alert: Gone${n}\n        expr: absent(${gauge}{${shard}}) or count(${gauge}{${shard}}) < 5\n        for: 1m`;
    }
  };
  const group = (g: number): string =>
    `  - name: g${g}\n    interval: ${intervalText}\n    rules:\n${Array.from({ length: 100 }, (_, i) => rule(g * 100 + i)).join("\n")}\n`;
  return `groups:\n${Array.from({ length: 10 }, (_, g) => group(g)).join("")}`;
}
