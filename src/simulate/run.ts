// A fleet on the wire: replays its past as fast as the receiver takes it, then goes on live.
import { setTimeout as sleep } from "node:timers/promises";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { postChange, toChangeEvent } from "./changes.ts";
import { type Control, openControl } from "./control.ts";
import { exposition } from "./exposition.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { createRecorder } from "./otlp.ts";
import { createRandom } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { createShipper } from "./ship.ts";

/** How a fleet runs: plain data, so that it can travel between processes. */
export interface FleetRun {
  /** Base URL of the OTLP/HTTP receiver. */
  readonly endpoint: string;
  /** Where change events are posted. */
  readonly changesUrl?: string;
  /** `whsec_<base64>` with which control webhooks must be signed. */
  readonly webhookSecret?: string;
  /** Port of the control webhook on loopback. Default 0 = any free one. */
  readonly controlPort?: number;
  /** Unix time of the start of virtual time. */
  readonly startAt: Instant;
  /** Virtual time that is replayed before going live. */
  readonly replayMs: number;
  /** Virtual milliseconds for each one of wall time, once live. */
  readonly speed: number;
  /** Virtual time between two scrapes. */
  readonly exportIntervalMs: number;
  /** The first fault comes so long (virtual) after going live, later ones keep their distance. Absent: at their own times. */
  readonly faultAfterMs?: number;
}

export interface FleetEvent {
  readonly type: "started" | "replayed" | "live" | "fault" | "change" | "webhook" | "stopped" | "ready";
  /** Unix ms of virtual time. */
  readonly at: Instant;
  readonly text: string;
}

export interface RunOptions extends FleetRun {
  readonly scenario: Scenario;
  /** Wall time, Unix ms. */
  readonly now: () => number;
  readonly onEvent?: (event: FleetEvent) => void;
  readonly telemetry: Telemetry;
}

export interface RunningFleet {
  /** Where to send control webhooks. */
  readonly controlUrl: string;
  /** A replica's Prometheus page. */
  metricsUrl(replica: string): string;
  /** Resolves once the past is replayed and acknowledged, and virtual time keeps pace with wall time. */
  readonly live: Promise<void>;
  stop(): Promise<void>;
}

/** Scrapes sent together while behind. */
const chunkScrapes = 12;
/** Chunks on their way at once. */
const windowChunks = 4;
/** After so many chunks a run that cannot keep its speed counts as live all the same. */
const catchUpChunksMax = 120;

/** Resolves when the control webhook listens. Virtual time reaches `startAt + replayMs` at the wall time of this call. */
export async function runFleet(options: RunOptions): Promise<RunningFleet> {
  const { scenario, startAt, replayMs, speed, exportIntervalMs, now, telemetry, changesUrl } = options;
  const stopping = new AbortController();
  const calledAt = now();
  const recorder = createRecorder(scenario, startAt, createRandom(scenario.seed, "trace-ids"));
  const sampling = createRandom(scenario.seed, "sampling");
  const shipper = createShipper({ endpoint: options.endpoint, telemetry, attemptsMax: 20 });
  const tell = (type: FleetEvent["type"], text: string, atMs: number): void =>
    options.onEvent?.({ type, at: Math.round(startAt + atMs), text });
  const changes = new Set<Promise<void>>();
  const ownFaults = options.faultAfterMs === undefined;

  const fleet: Fleet = createFleet(ownFaults ? scenario : { ...scenario, faults: [] }, {
    log: recorder.log,
    finished(replica, request) {
      if (sampling.uniform() < scenario.spanRatio) recorder.span(replica, request);
    },
    change(change) {
      const event = toChangeEvent(change, startAt);
      tell("change", event.summary, change.atMs);
      if (changesUrl === undefined) return;
      const posted = postChange(changesUrl, event, telemetry, stopping.signal).finally(() => changes.delete(posted));
      changes.add(posted);
    },
    event: tell,
  });

  let next = exportIntervalMs;
  let isLive = false;
  /** Where virtual time should be. */
  const due = (): number => replayMs + (now() - calledAt) * speed;

  const control: Control = await openControl({
    port: options.controlPort ?? 0,
    ...(options.webhookSecret === undefined ? {} : { secret: options.webhookSecret }),
    now,
    telemetry,
    perform(request, webhookId) {
      if (isLive) fleet.advance(Math.min(Math.max(due(), fleet.nowMs), next));
      const answer = fleet.perform(request, webhookId);
      const said = answer.kind === "accepted" ? `will ${answer.will}` : `refused: ${answer.reason}`;
      tell("webhook", `${request.action} ${request.target}: ${said}`, fleet.nowMs);
      return answer;
    },
    page(name) {
      const replica = fleet.replicas.find((one) => one.name === name);
      if (replica === undefined) return undefined;
      return replica.state === "serving" ? exposition(replica, scenario, startAt, fleet.nowMs) : "down";
    },
  });
  tell("started", `control webhook at ${control.url}/webhook`, 0);

  /** Lets time pass up to `toMs`, at most a chunk, and sends what was scraped on the way. */
  const onTheWay: Promise<void>[] = [];
  async function chunk(toMs: number): Promise<void> {
    for (let i = 0; i < chunkScrapes && next <= toMs; i++) {
      fleet.advance(next);
      recorder.scrape(fleet.replicas, next);
      next += exportIntervalMs;
    }
    onTheWay.push(shipper.ship(recorder.take()));
    if (onTheWay.length >= windowChunks) await onTheWay.shift();
  }

  async function replay(): Promise<void> {
    while (next <= replayMs && !stopping.signal.aborted) await chunk(replayMs);
    await Promise.all(onTheWay);
    tell("replayed", `${Math.round(replayMs / 60_000)} min of history sent`, fleet.nowMs);
    for (let i = 0; i < catchUpChunksMax && next <= due() && !stopping.signal.aborted; i++) await chunk(due());
  }

  function goLive(): void {
    if (stopping.signal.aborted) return;
    isLive = true;
    tell("live", `live at ${speed} x real time`, fleet.nowMs);
    if (options.faultAfterMs === undefined || scenario.faults.length === 0) return;
    const first = Math.min(...scenario.faults.map((fault) => fault.atMs));
    for (const fault of scenario.faults) fleet.inject(fault, fleet.nowMs + options.faultAfterMs + fault.atMs - first);
  }

  async function goOn(): Promise<void> {
    while (!stopping.signal.aborted) {
      const waitMs = (next - due()) / speed;
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (!stopping.signal.aborted && next <= due()) await chunk(due());
    }
    await Promise.allSettled(onTheWay);
  }

  const live = replay().then(goLive);
  const ended = live.then(goOn);

  return {
    controlUrl: `${control.url}/webhook`,
    metricsUrl: (replica) => `${control.url}/replicas/${replica}/metrics`,
    live,
    async stop() {
      stopping.abort();
      await control.close();
      await shipper.stop();
      await ended;
      await Promise.all(changes);
    },
  };
}
