// A scenario played on virtual time without any wire: what it would have sent, and what was done to it.
import type { ChangeEvent } from "../model/change.ts";
import type { Instant } from "../model/time.ts";
import type { Answer, Request } from "./action.ts";
import { createAppSpans } from "./app-spans.ts";
import { toChangeEvent } from "./changes.ts";
import { createFleet, type Fleet, type FleetSink, type Observation } from "./fleet.ts";
import { createRecorder, type Recorded } from "./otlp.ts";
import { createRandom } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { createScrapes } from "./scrapes.ts";
import { createSources } from "./sources-of-fleet.ts";

export interface Simulation {
  readonly scenario: Scenario;
  /** Unix time of virtual time zero. */
  readonly startAt: Instant;
  /** Virtual milliseconds. */
  readonly nowMs: number;
  readonly fleet: Fleet;
  /** Lets time pass; gives what was sent since the last call. Going back throws. */
  advance(toMs: number): Batch;
  /** Does what an operator asks for, from now on, with all its side effects and its change event. */
  perform(request: Request, by: string): Answer;
  observe(): Observation;
}

export interface Batch {
  /** In the form OTLP exporters and `@opentelemetry/otlp-transformer` take; metrics one entry for each source. */
  readonly recorded: Recorded;
  readonly changes: readonly ChangeEvent[];
  /** What really happened: faults, processes that end and begin. Nobody is sent this. */
  readonly events: readonly { readonly type: string; readonly text: string; readonly atMs: number }[];
}

export interface SimulationOptions {
  readonly startAt: Instant;
  /** Hears of every request that was answered in full, as nobody outside does. */
  readonly witness?: Required<Pick<FleetSink, "finished">>;
}

/** The same scenario and start give the same batches, down to the byte. Throws a RangeError on a fault that makes no sense. */
export function createSimulation(scenario: Scenario, { startAt, witness }: SimulationOptions): Simulation {
  const recorder = createRecorder(scenario, startAt, createRandom(scenario.seed, "trace-ids"));
  const sampling = createRandom(scenario.seed, "sampling");
  const sources = createSources(scenario, () => fleet);
  let changes: ChangeEvent[] = [];
  let events: Batch["events"][number][] = [];
  const sink: FleetSink = {
    log: recorder.log,
    finished(replica, request) {
      witness?.finished(replica, request);
      if (sampling.uniform() >= scenario.spanRatio) return;
      recorder.span(replica, request);
      apps?.finished(replica, request);
    },
    answered(kind, lastedMs, atMs) {
      sources.answered(kind, lastedMs);
      if (kind !== "finished" && sampling.uniform() < 5 * scenario.spanRatio) apps?.failed(kind, lastedMs, atMs);
    },
    kernel: ({ name, clockMs }, body, atMs) =>
      recorder.line(
        { "service.name": "kernel", "host.name": name, "k8s.node.name": name },
        { atMs: atMs + clockMs, severity: "WARNING", body, logger: "kernel" },
      ),
    kubernetes: (about, reason, body, atMs) =>
      recorder.line(
        { "service.name": "kubernetes-events", "k8s.namespace.name": "serving" },
        { atMs, severity: reason === "Killing" ? "INFO" : "WARNING", body, logger: "k8seventsreceiver" },
        { "k8s.event.reason": reason, "k8s.object.name": about },
      ),
    change: (change) => void changes.push(toChangeEvent(change, startAt)),
    event: (type, text, atMs) => void events.push({ type, text, atMs }),
  };
  const fleet: Fleet = createFleet(scenario, sink);
  const scrapes = createScrapes(scenario, sources.count());
  const apps =
    scenario.telemetry.dcgm === "none"
      ? undefined
      : createAppSpans(scenario, fleet.surroundings, fleet.misrouted, recorder, createRandom(scenario.seed, "apps"));
  const losing = createRandom(scenario.seed, "losing");

  return {
    scenario,
    startAt,
    fleet,
    get nowMs() {
      return fleet.nowMs;
    },
    advance(toMs) {
      while (scrapes.nextAt <= toMs) {
        const atMs = Math.max(scrapes.nextAt, fleet.nowMs);
        fleet.advance(atMs);
        scrapes.fit(sources.count());
        const { target, lost } = scrapes.take();
        if (!lost && losing.uniform() >= fleet.surroundings.telemetry.lost) sources.scrape(target, recorder, atMs);
      }
      fleet.advance(toMs);
      const batch = { recorded: recorder.take(), changes, events };
      changes = [];
      events = [];
      return batch;
    },
    perform: (request, by) => fleet.perform(request, by),
    observe: () => fleet.observe(),
  };
}
