// Server-sent events: the timeline for whoever follows it, with replay after a broken connection.
import type { ServerResponse } from "node:http";
import type { TimelineEvent } from "../model/event.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { refuse } from "./problem.ts";

const recentMax = 500;

export interface EventStreamOptions {
  /** Distinguishes this run's event ids from an earlier run's. */
  readonly run: string;
  readonly clientsMax: number;
  /** A client that leaves more than this unread is disconnected; it may come back with its Last-Event-ID. */
  readonly unreadBytesMax: number;
  readonly heartbeatMs: number;
}

export interface EventStream {
  /** Turns the response into a stream that first repeats what followed `lastEventId`, or the `last` newest events. */
  connect(response: ServerResponse, lastEventId: string | undefined, last: number): void;
  clients(): number;
  /** Ends every stream; no new one is accepted. */
  close(): void;
}

/**
 * Keeps the last 500 events. A client whose Last-Event-ID is older than those, or of an earlier run of the process, gets an
 * event `gap` first, so that it knows to read the collections again.
 */
export function createEventStream(feed: EventFeed, telemetry: Telemetry, options: EventStreamOptions): EventStream {
  const { run, clientsMax, unreadBytesMax, heartbeatMs } = options;
  const recent: { readonly number: number; readonly text: string }[] = [];
  const clients = new Set<ServerResponse>();
  let published = 0;
  let closed = false;

  const send = (client: ServerResponse, text: string): void => {
    if (client.writableLength > unreadBytesMax) {
      clients.delete(client);
      client.destroy();
      telemetry.count("homeostat.show.dropped", 1, { reason: "slow-follower" });
      return;
    }
    client.write(text);
  };

  const unfollow = feed.follow((event) => {
    const number = ++published;
    const text = format(`${run}-${number}`, event);
    recent.push({ number, text });
    if (recent.length > recentMax) recent.shift();
    for (const client of [...clients]) send(client, text);
  });

  const heartbeat = setInterval(() => {
    for (const client of [...clients]) send(client, ": heartbeat\n\n");
  }, heartbeatMs);
  heartbeat.unref();

  const missed = (lastEventId: string | undefined, last: number): string => {
    if (lastEventId === undefined || lastEventId === "") {
      return last === 0
        ? ""
        : recent
            .slice(-last)
            .map((one) => one.text)
            .join("");
    }
    const seen = /^([0-9a-z]{1,16})-(\d{1,15})$/.exec(lastEventId);
    const number = seen !== null && seen[1] === run ? Number(seen[2]) : undefined;
    const oldest = recent[0]?.number ?? published + 1;
    const whole = number !== undefined && number >= oldest - 1 && number <= published;
    const gap = whole
      ? ""
      : 'event: gap\ndata: {"detail":"some events are no longer kept; read the collections again"}\n\n';
    const rest = whole ? recent.filter((one) => one.number > number) : recent;
    return gap + rest.map((one) => one.text).join("");
  };

  return {
    clients: () => clients.size,
    connect(response, lastEventId, last) {
      if (closed || clients.size >= clientsMax) {
        telemetry.count("homeostat.show.dropped", 1, { reason: "too-many-followers" });
        throw refuse(503, `${clientsMax} clients follow already, or the server is stopping. Try again later.`, {
          headers: { "retry-after": "30" },
        });
      }
      response.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      response.on("error", () => clients.delete(response));
      response.on("close", () => clients.delete(response));
      response.write(`retry: 2000\n\n${missed(lastEventId, last)}`);
      clients.add(response);
    },
    close() {
      closed = true;
      unfollow();
      clearInterval(heartbeat);
      for (const client of clients) client.end();
      clients.clear();
    },
  };
}

/** JSON has no raw line breaks, so one `data` line holds it whatever the texts contain. */
function format(id: string, event: TimelineEvent): string {
  return `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
