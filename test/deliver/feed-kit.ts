// What tests of the feeds share: alerts, routing from text as in alertmanager.yml, receivers on real sockets.
import http from "node:http";
import type { AddressInfo } from "node:net";
import { parse } from "yaml";
import { z } from "zod";
import type { FeedAlert } from "../../src/deliver/feeds/alert.ts";
import { createDispatcher, type Dispatcher, type Notification } from "../../src/deliver/feeds/dispatcher.ts";
import { compileRouting, InhibitRule, RouteConfig, type Routing } from "../../src/deliver/feeds/routing.ts";
import { TimeInterval } from "../../src/deliver/feeds/time-intervals.ts";
import { type Labels, labelsKey } from "../../src/model/labels.ts";

const Tree = z.object({
  route: RouteConfig,
  inhibit_rules: z.array(InhibitRule).default([]),
  time_intervals: z.array(TimeInterval).default([]),
});

/** The routing part of an `alertmanager.yml`. */
export function routingFrom(yaml: string, receivers: readonly string[]): Routing {
  const { route, inhibit_rules: inhibitRules, time_intervals: timeIntervals } = Tree.parse(parse(yaml));
  return compileRouting({ route, inhibitRules, timeIntervals }, receivers);
}

export function alertOf(labels: Labels, startsAt: number, more: Partial<FeedAlert> = {}): FeedAlert {
  const ref = `alert-${labels["alertname"]}`;
  return { key: labelsKey(labels), labels, annotations: {}, startsAt, ref, url: "http://localhost:7070/a", ...more };
}

export function dispatcherOf(
  routing: Routing,
  receivers: readonly string[],
  more: Partial<Parameters<typeof createDispatcher>[0]> = {},
): Dispatcher {
  return createDispatcher({
    routing,
    receivers: receivers.map((name) => ({ name, sendResolved: true, takes: () => true })),
    silenced: () => false,
    dropped: () => {},
    ...more,
  });
}

/** `receiver {group} status: names`, one line a notification, names of ended alerts with a minus. */
export function line(notification: Pick<Notification, "receiver" | "groupLabels" | "status" | "alerts">): string {
  const names = notification.alerts.map(
    ({ labels, endsAt }) => `${endsAt === undefined ? "" : "-"}${labels["alertname"]}${labels["pod"] ?? ""}`,
  );
  const group = Object.entries(notification.groupLabels).map(([name, value]) => `${name}=${value}`);
  return `${notification.receiver} {${group.sort().join(",")}} ${notification.status}: ${names.sort().join(" ")}`;
}

export interface Seen {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Listener extends AsyncDisposable {
  readonly url: string;
  readonly seen: Seen[];
}

/** A receiver on loopback; `answer` says what it answers to the request of this number. */
export async function listen(
  answer: (seen: Seen, count: number) => { status: number; body?: string } = () => ({ status: 200 }),
): Promise<Listener> {
  const seen: Seen[] = [];
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      const one = { path: request.url!, headers: request.headers, body };
      seen.push(one);
      const { status, body: text } = answer(one, seen.length);
      response.writeHead(status, { "content-type": "application/json" }).end(text ?? "");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]() {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
