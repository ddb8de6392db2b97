// A tiny OTLP/HTTP and change-event receiver that keeps what it gets.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly path: string;
  readonly text: string;
}

export interface Sink {
  readonly url: string;
  readonly received: Received[];
  /** Statuses to answer next, before 200 again. */
  readonly failNext: number[];
  /** Resolves once `holds` does; asked after every request. */
  until(holds: () => boolean): Promise<void>;
  close(): Promise<void>;
}

export async function openSink(): Promise<Sink> {
  const received: Received[] = [];
  const failNext: number[] = [];
  const waiters = new Set<() => void>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const status = failNext.shift();
    if (status !== undefined) {
      response.writeHead(status, { "retry-after": "0" }).end();
      return;
    }
    received.push({ path: request.url ?? "", text: Buffer.concat(chunks).toString("utf8") });
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
    for (const check of waiters) check();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    failNext,
    until: (holds) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!holds()) return;
          waiters.delete(check);
          resolve();
        };
        waiters.add(check);
        check();
      }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, string | number>>;
}

interface Point {
  readonly timeUnixNano: string;
  readonly startTimeUnixNano: string;
  readonly asDouble?: number;
  readonly count?: number;
  readonly sum?: number;
  readonly bucketCounts?: readonly number[];
  readonly explicitBounds?: readonly number[];
  readonly attributes: readonly Attribute[];
}

interface Metric {
  readonly name: string;
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly sum?: {
    readonly dataPoints: readonly Point[];
    readonly isMonotonic: boolean;
    readonly aggregationTemporality: number;
  };
  readonly histogram?: { readonly dataPoints: readonly Point[]; readonly aggregationTemporality: number };
}

/** One data point with where it came from. */
export interface FlatPoint extends Point {
  readonly metric: string;
  readonly replica: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly kind: "gauge" | "sum" | "histogram";
}

export function attributesOf(list: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(list.map(({ key, value }) => [key, String(Object.values(value)[0])]));
}

/** Every metric point received, in the order of arrival. */
export function pointsOf(received: readonly Received[]): FlatPoint[] {
  return received
    .filter(({ path }) => path === "/v1/metrics")
    .flatMap(({ text }) => JSON.parse(text).resourceMetrics)
    .flatMap((entry) => {
      const resource = attributesOf(entry.resource.attributes);
      const replica = resource["service.instance.id"] ?? "";
      const metrics: readonly Metric[] = entry.scopeMetrics.flatMap(
        (scope: { metrics: readonly Metric[] }) => scope.metrics,
      );
      return metrics.flatMap((metric) => {
        const kind = metric.gauge ? "gauge" : metric.sum ? "sum" : "histogram";
        const points = metric[kind]?.dataPoints ?? [];
        return points.map((point) => ({ ...point, metric: metric.name, replica, resource, kind }) as const);
      });
    });
}
