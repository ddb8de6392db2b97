// A fleet of engine replicas behind a gateway, moved on by hand along virtual time.
import type { Actions, Answer, Change, Request } from "./action.ts";
import { createActions } from "./actions.ts";
import { createCapacity } from "./capacity.ts";
import { createDelivery } from "./delivery.ts";
import { createDirectDoor, type DirectDoor } from "./direct-door.ts";
import { scheduleFault } from "./faults/schedule.ts";
import type { EndKind, GatewayCounts } from "./gateway.ts";
import { createGateway } from "./gateway.ts";
import { gpus } from "./hardware.ts";
import { startFailure, startHousekeeping, targetsOf } from "./housekeeping.ts";
import { type LogLine, startupLines, statsLine } from "./log-lines.ts";
import { createMachines, createNode, type Node, repace } from "./machines.ts";
import { createProcesses } from "./processes.ts";
import { createRandom } from "./random.ts";
import { createReplica, type Replica, startEngine } from "./replica.ts";
import { ABANDONED, createRequests, type Requests } from "./requests.ts";
import { createRollouts } from "./rollouts.ts";
import type { Fault, Scenario } from "./scenario.ts";
import { createSurroundings, type Surroundings } from "./surroundings.ts";
import { createTimeline } from "./timeline.ts";
import { createTraffic, longestPrompt } from "./traffic.ts";
import { createArrivals } from "./workload.ts";
import type { World } from "./world.ts";

/** A finished request, as an engine that traces tells it. Times are virtual milliseconds. */
export interface FinishedRequest {
  readonly id: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Place in `requestClasses`. */
  readonly kind: number;
  readonly adapter: number;
  readonly arrivedAt: number;
  readonly reason: "stop" | "length";
  readonly dispatchedAt: number;
  readonly scheduledAt: number;
  readonly firstTokenAt: number;
  readonly finishedAt: number;
}

/** Where a fleet tells what happens; without one nothing is collected. */
export interface FleetSink {
  log?(replica: Replica, line: LogLine): void;
  finished?(replica: Replica, request: FinishedRequest): void;
  /** A client got an answer or an error; `lastedMs` is 0 for one that was refused. */
  answered?(kind: EndKind, lastedMs: number, atMs: number): void;
  kernel?(node: Node, body: string, atMs: number): void;
  kubernetes?(about: string, reason: string, message: string, atMs: number): void;
  change?(change: Change): void;
  event?(type: "fault" | "stopped" | "ready", text: string, atMs: number): void;
}

export interface Observation {
  readonly nowMs: number;
  readonly gateway: Readonly<GatewayCounts>;
  /** Requests somebody waits for. */
  readonly inFlight: number;
  readonly replicas: readonly ReplicaObservation[];
}

export interface ReplicaObservation {
  readonly name: string;
  readonly state: Replica["state"];
  readonly version: string;
  readonly epoch: number;
  readonly blocksTotal: number;
  readonly blocksUsed: number;
  /** Requests the engine holds now, whatever it last reported. */
  readonly holds: number;
  /** The process's own counters and histograms, live: copy what is to be kept. While starting: the dead process's. */
  readonly stats: Replica["engine"]["stats"];
}

export interface Fleet {
  readonly scenario: Scenario;
  readonly nowMs: number;
  readonly replicas: readonly Replica[];
  readonly nodes: readonly Node[];
  readonly surroundings: Surroundings;
  /** Share of requests the gateway sends to the wrong pool. */
  misrouted(): number;
  /** Lets virtual time pass; going back throws. */
  advance(toMs: number): void;
  observe(): Observation;
  /** Adds a fault to those of the scenario, at `atMs`. */
  inject(fault: Fault, atMs: number): void;
  /** Asks one replica itself, past the gateway. */
  readonly direct: DirectDoor["ask"];
  /** Does what an operator asks for, with all its side effects, from now on. */
  perform(request: Request, by: string): Answer;
}

const inFlightMax = 16_384;
const statsEveryMs = 10_000;

/** Everything follows from the scenario and what is asked directly: the same gives the same run, down to the byte. */
export function createFleet(scenario: Scenario, sink: FleetSink = {}): Fleet {
  const requests = createRequests(inFlightMax);
  const timeline = createTimeline();
  const traffic = createTraffic();
  const surroundings = createSurroundings();
  const promptMax = longestPrompt(scenario);
  const { classes, loraAdapters: adapters } = scenario;
  const arrivals = createArrivals(scenario.workload, scenario.replicas, scenario.seed, {
    traffic,
    classes,
    adapters,
    promptMax,
  });
  const replicas: Replica[] = [];
  const deadlines = new Float64Array(32).fill(Number.POSITIVE_INFINITY);
  let nowMs = 0;

  function onFinish(slot: number, atMs: number, reason: "stop" | "length"): void {
    const replica = replicas[requests.replica[slot]!]!;
    if (requests.state[slot] === ABANDONED) {
      requests.release(slot);
      return;
    }
    if (replica.condition.nanShare > 0) replica.engine.stats.corrupted++;
    if (door.finished(slot, atMs)) return;
    sink.finished?.(replica, finishedRequest(requests, slot, atMs, reason));
    gateway.finished(slot, atMs);
  }

  for (let i = 0; i < scenario.replicas; i++) replicas.push(createReplica(scenario, i, requests, onFinish, deadlines));
  const nodes = replicas.map((replica) => createNode(scenario, replica, replica.host));
  const tick = createMachines(scenario, nodes, replicas);
  const delivery = createDelivery(scenario, requests, timeline, nodes);
  const door = createDirectDoor(scenario, replicas, requests, timeline, delivery, () => nowMs);
  const gateway = createGateway(scenario, replicas, requests, timeline, createRandom(scenario.seed, "gateway"), {
    deliver: delivery,
    ended: (kind, slot, atMs) => sink.answered?.(kind, slot < 0 ? 0 : atMs - requests.arrivedAt[slot]!, atMs),
  });
  const processes = createProcesses(timeline, scenario.coldStartMs, {
    stopped(replica, atMs) {
      gateway.replicaDied(replica, door.died(replica, replica.engine.slots(), atMs), atMs);
      sink.event?.("stopped", `${replica.name} stopped`, atMs);
    },
    ready(replica, atMs) {
      startEngine(replica, scenario, requests, onFinish);
      repace(replica, nodes[replica.index]!, gpus[scenario.gpu]);
      tellStart(replica, atMs);
      sink.event?.("ready", `${replica.name} serves again`, atMs);
    },
    failure: (replica) => startFailure(replica, nodes[replica.index]!, surroundings),
    failed(replica, { lines }, atMs) {
      const logger = "vllm.v1.engine.core";
      for (const body of lines) sink.log?.(replica, { atMs, severity: "ERROR", body, logger });
      sink.event?.("stopped", `${replica.name} failed to start`, atMs);
    },
  });
  const rollouts = createRollouts(processes);
  const world: World = {
    scenario,
    timeline,
    requests,
    replicas,
    nodes,
    gateway,
    processes,
    traffic,
    surroundings,
    random: createRandom(scenario.seed, "faults"),
    ...targetsOf(replicas, nodes),
    get actions() {
      return actions;
    },
    log: (replica, severity, body, logger, atMs) => sink.log?.(replica, { atMs, severity, body, logger }),
    kernel: (node, body, atMs) => sink.kernel?.(node, body, atMs),
    event: (about, reason, message, atMs) => sink.kubernetes?.(about, reason, message, atMs),
    change: (change) => sink.change?.(change),
  };
  const capacity = createCapacity(world, replicas, nodes, (index) =>
    createReplica(scenario, index, requests, onFinish, deadlines),
  );
  const actions: Actions = createActions(world, rollouts, capacity);
  startHousekeeping(world, tick);

  function tellStart(replica: Replica, atMs: number): void {
    if (sink.log === undefined) return;
    for (const line of startupLines(scenario, replica, atMs)) sink.log(replica, line);
    tellStats(replica, atMs);
  }

  /** The stats line of one process, every ten seconds while it lives and is not stuck. */
  function tellStats(replica: Replica, fromMs: number): void {
    const { epoch } = replica;
    const before = { promptTokens: 0, generationTokens: 0 };
    let stuckLines = 0;
    const tell = (atMs: number): void => {
      if (replica.epoch !== epoch || replica.state !== "serving") return;
      const { stats, hung } = replica.engine;
      // A stuck engine gets one line out that shows no throughput, then none.
      stuckLines = hung ? stuckLines + 1 : 0;
      const line = statsLine(atMs, stats, before, statsEveryMs);
      if (line !== undefined && stuckLines <= 2) sink.log?.(replica, line);
      before.promptTokens = stats.promptTokens;
      before.generationTokens = stats.generationTokens;
      timeline.add(atMs + statsEveryMs, tell);
    };
    timeline.add(fromMs + statsEveryMs, tell);
  }

  function inject(fault: Fault, atMs: number): void {
    scheduleFault(fault, atMs, world, (text, at) => sink.event?.("fault", text, at));
  }

  for (const replica of replicas) tellStart(replica, 0);
  for (const fault of scenario.faults) inject(fault, fault.atMs);

  function advance(toMs: number): void {
    if (toMs < nowMs) throw new RangeError(`virtual time cannot go back from ${nowMs} to ${toMs}`);
    for (;;) {
      let next = arrivals.nextAt;
      let stepping = -1;
      for (let i = 0; i < replicas.length; i++) {
        if (deadlines[i]! < next) {
          next = deadlines[i]!;
          stepping = i;
        }
      }
      const due = timeline.nextAt;
      if (Math.min(due, next) > toMs) break;
      if (due <= next) {
        nowMs = due;
        timeline.runNext();
      } else if (stepping >= 0) {
        nowMs = next;
        const { state, engine } = replicas[stepping]!;
        if (state === "serving") engine.step();
        else deadlines[stepping] = Number.POSITIVE_INFINITY;
      } else {
        nowMs = next;
        gateway.arrive(arrivals.take(), nowMs);
      }
    }
    nowMs = toMs;
  }

  return {
    scenario,
    get nowMs() {
      return nowMs;
    },
    replicas,
    nodes,
    surroundings,
    misrouted: () => gateway.policy.misrouteShare,
    advance,
    inject,
    direct: door.ask,
    observe: () => ({
      nowMs,
      gateway: { ...gateway.counts },
      inFlight: gateway.inFlight,
      replicas: replicas.map(observeReplica),
    }),
    perform: (request, by) => actions.perform(request, by, nowMs),
  };
}

function finishedRequest(
  requests: Requests,
  slot: number,
  finishedAt: number,
  reason: FinishedRequest["reason"],
): FinishedRequest {
  return {
    id: requests.id[slot]!,
    promptTokens: requests.promptTokens[slot]!,
    generatedTokens: requests.generated[slot]!,
    kind: requests.kind[slot]!,
    adapter: requests.adapter[slot]!,
    reason,
    arrivedAt: requests.arrivedAt[slot]!,
    dispatchedAt: requests.dispatchedAt[slot]!,
    scheduledAt: requests.scheduledAt[slot]!,
    firstTokenAt: requests.firstTokenAt[slot]!,
    finishedAt,
  };
}

function observeReplica(replica: Replica): ReplicaObservation {
  const { engine } = replica;
  const alive = replica.state === "serving";
  return {
    name: replica.name,
    state: replica.state,
    version: replica.spec.version,
    epoch: replica.epoch,
    blocksTotal: engine.blocksTotal,
    blocksUsed: alive ? engine.blocksUsed : 0,
    holds: alive ? engine.running + engine.waiting : 0,
    stats: engine.stats,
  };
}
