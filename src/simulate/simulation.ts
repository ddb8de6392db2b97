// A scenario played on virtual time without any wire: what it would have sent, and what was done to it.
import type { ChangeEvent } from "../model/change.ts";
import type { Instant } from "../model/time.ts";
import type { Answer, Request } from "./actions.ts";
import { toChangeEvent } from "./changes.ts";
import { createFleet, type Fleet, type FleetSink, type Observation } from "./fleet.ts";
import { createRecorder, type Recorded } from "./otlp.ts";
import { createRandom } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { createScrapes } from "./scrapes.ts";

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

/** The same scenario and start give the same batches, down to the byte. Throws a RangeError on a fault that makes no sense. */
export function createSimulation(scenario: Scenario, { startAt }: { readonly startAt: Instant }): Simulation {
  const recorder = createRecorder(scenario, startAt, createRandom(scenario.seed, "trace-ids"));
  const sampling = createRandom(scenario.seed, "sampling");
  let changes: ChangeEvent[] = [];
  let events: Batch["events"][number][] = [];
  const sink: FleetSink = {
    log: recorder.log,
    finished(replica, request) {
      if (sampling.uniform() < scenario.spanRatio) recorder.span(replica, request);
    },
    change: (change) => void changes.push(toChangeEvent(change, startAt)),
    event: (type, text, atMs) => void events.push({ type, text, atMs }),
  };
  const fleet = createFleet(scenario, sink);
  const scrapes = createScrapes(scenario, fleet.replicas.length);

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
        const { target, lost } = scrapes.take();
        if (!lost) recorder.scrape([fleet.replicas[target]!], atMs);
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
