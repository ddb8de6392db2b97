// Part of the fleet through detection and diagnosis: weeks of health, then departures to be found.
import { createDetection } from "../../src/detect/detection.ts";
import { createDiagnosis, type Diagnose } from "../../src/diagnose/diagnose.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { Entity } from "../../src/model/entity.ts";
import type { FailureMode } from "../../src/model/failure-mode.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { signals } from "../../src/model/signal.ts";
import { createDemand, type RecordedRates, replayDemand } from "../../src/simulate/demand.ts";
import { profileOf } from "../../src/simulate/profiles.ts";
import { createQuickDeployment, type QuickDeployment } from "../../src/simulate/quick-fleet.ts";
import { type Departure, departuresOf, interferenceOf } from "./departures.ts";
import { createRecent } from "./recent.ts";

export interface GroupPlan {
  readonly seed: number;
  /** Numbers of its deployments. */
  readonly numbers: readonly number[];
  /** This group's part of the fleet's one budget. */
  readonly falseEpisodesPerWeek: number;
  readonly days: number;
  /** Days with departures after the healthy ones. */
  readonly departureDays: number;
  readonly departures: number;
  readonly modes: readonly FailureMode[];
  /** Recorded traffic that drives the deployments in turn; empty: made-up traffic. */
  readonly recorded: readonly RecordedRates[];
  /** Folder of learned models; empty: none. */
  readonly models: string;
}

export interface Opened {
  readonly day: number;
  readonly deployment: string;
  readonly title: string;
  readonly symptoms: readonly string[];
  readonly changes: readonly string[];
}

export interface Judged extends Departure {
  anomalyDelayS?: number;
  incidentDelayS?: number;
}

export interface GroupResult {
  readonly series: number;
  readonly points: number;
  readonly incidents: readonly Opened[];
  /** Anomalies of the healthy days: as `signal direction detector shape`, and how many. */
  readonly anomalies: Readonly<Record<string, number>>;
  /** Stretches of a deployment with any anomaly open, two quiet minutes apart. */
  readonly episodes: number;
  readonly judged: readonly Judged[];
  /** Incidents of the days with departures that none explains. */
  readonly falseLater: readonly Opened[];
  readonly cpuS: { readonly simulate: number; readonly detect: number; readonly diagnose: number };
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
const width = signals.length;
/** A Monday. */
export const startMs = 1_799_625_600_000;
const quietMinutes = 2;
/** What opens so long after a departure has ended is still its doing. */
const graceMs = 30 * minuteMs;

interface Scope {
  readonly deployment: QuickDeployment;
  readonly diagnose: Diagnose;
  readonly firstSlot: number;
  changes: ChangeEvent[];
  readonly open: Map<string, Anomaly>;
  readonly incidents: Set<string>;
  idleMinutes: number;
}

export interface Watcher {
  tell(line: string): void;
  /** Waited for once a simulated hour. */
  breathe(): Promise<void>;
}

export async function runGroup(plan: GroupPlan, { tell, breathe }: Watcher): Promise<GroupResult> {
  const departures = departuresOf(plan, startMs + plan.days * dayMs);
  const scopes: Scope[] = [];
  let slots = 0;
  const sizes = plan.numbers.map((number) => profileOf(plan.seed, number).replicasMax);
  const recent = createRecent(sizes.reduce((sum, size) => sum + size, 0));
  for (const [i, number] of plan.numbers.entries()) {
    scopes.push(scopeOf(number, i, slots));
    slots += sizes[i]!;
  }
  const exclusions = { current: () => scopes.flatMap(({ diagnose }) => diagnose.exclusions()) };
  await using detection = await createDetection(
    { stepMs: minuteMs, falseEpisodesPerWeek: plan.falseEpisodesPerWeek },
    { exclusions, telemetry: silentTelemetry, modelsDirectory: plan.models },
  );
  const values = new Float64Array(slots * width);
  const flags = new Uint8Array(slots * width);
  const present = new Int32Array(slots);
  const cpuS = { simulate: 0, detect: 0, diagnose: 0 };
  const incidents: Opened[] = [];
  const falseLater: Opened[] = [];
  const anomalies: Record<string, number> = {};
  const seen = new Set<string>();
  const found: readonly Judged[] = departures;
  let episodes = 0;
  let points = 0;
  let peak = 0;
  const minutes = (plan.days + plan.departureDays) * 1440;

  for (let minute = 1; minute <= minutes; minute++) {
    const at = startMs + minute * minuteMs;
    const healthyDays = minute <= plan.days * 1440;
    const clock = process.cpuUsage();
    recent.begin(at);
    const entities: Entity[] = [];
    const slotOf: number[] = [];
    let rows = 0;
    for (const { deployment, firstSlot } of scopes) {
      const more = deployment.advance(at, rows, values, flags, present);
      for (let row = rows; row < rows + more; row++) {
        entities.push(deployment.entity(present[row]!));
        slotOf.push(firstSlot + present[row]!);
        recent.put(firstSlot + present[row]!, values, flags, row * width);
      }
      rows += more;
    }
    points += rows * width;
    peak = Math.max(peak, rows);
    for (const scope of scopes) takeChanges(scope, at);
    const before = spent(clock, cpuS, "simulate");
    const told = await detection.step({
      at,
      stepMs: minuteMs,
      entities,
      slots: Int32Array.from(slotOf),
      signals: signals.map(({ id }) => id),
      values: values.subarray(0, rows * width),
      quality: flags.subarray(0, rows * width),
    });
    const after = spent(before, cpuS, "detect");
    for (const scope of scopes) await follow(scope, told, at, healthyDays);
    spent(after, cpuS, "diagnose");
    if (minute % 60 === 0) await breathe();
    if (minute % 1440 === 0) {
      const { simulate, detect, diagnose } = cpuS;
      tell(
        `day ${minute / 1440}: ${peak * width} series, ${incidents.length} false incidents, ${episodes} episodes; CPU s: ${[simulate, detect, diagnose].map(Math.round).join(" ")}`,
      );
    }
  }
  return {
    series: peak * width,
    points,
    incidents,
    anomalies,
    episodes,
    judged: found.filter(({ fromMs }) => !Number.isNaN(fromMs)),
    falseLater,
    cpuS,
  };

  function scopeOf(number: number, i: number, firstSlot: number): Scope {
    const profile = profileOf(plan.seed, number);
    const recorded = plan.recorded[number % Math.max(1, plan.recorded.length)];
    const seed = plan.seed * 65_537 + number;
    const demand = recorded === undefined ? createDemand(profile, seed) : replayDemand(profile, seed, recorded);
    const deployment = createQuickDeployment(
      profile,
      seed,
      demand,
      interferenceOf(departures, i, profile.engine.max_num_seqs),
    );
    const slots = Array.from({ length: deployment.size }, (_, replica) => firstSlot + replica);
    const everyone = (): Entity[] => slots.map((_, replica) => deployment.entity(replica));
    const scope: Scope = {
      deployment,
      firstSlot,
      changes: [],
      open: new Map(),
      incidents: new Set(),
      idleMinutes: 0,
      diagnose: createDiagnosis(plan.modes, {
        source: recent.sourceOf(everyone, slots),
        changes: {
          add: () => Promise.resolve(),
          within: ({ from, to }) => Promise.resolve(scope.changes.filter(({ at }) => at >= from && at < to)),
        },
        logs: { search: () => Promise.resolve([]) },
        telemetry: silentTelemetry,
      }),
    };
    return scope;
  }

  /** Change events reach detection and diagnosis, as they do in the service. */
  function takeChanges(scope: Scope, at: number): void {
    const fresh = scope.deployment.changes();
    if (fresh.length === 0) return;
    scope.changes = [...scope.changes.filter((change) => at - change.at < 7_200_000), ...fresh];
    for (const change of fresh) detection.changed(change.target, change.at);
  }

  /** Diagnosis of one deployment; it only has to look while something is, or was just now, odd. */
  async function follow(scope: Scope, told: readonly Anomaly[], at: number, healthyDays: boolean): Promise<void> {
    const { deployment, open, diagnose } = scope;
    const name = `replica:${deployment.profile.name}-`;
    const own = told.length === 0 ? told : told.filter(({ entity }) => entity.startsWith(name));
    if (own.length === 0 && open.size === 0 && scope.idleMinutes > 10) return;
    if (open.size === 0 && own.length > 0 && scope.idleMinutes >= quietMinutes && healthyDays) episodes++;
    for (const anomaly of own) {
      if (anomaly.endedAt !== undefined) open.delete(anomaly.id);
      else open.set(anomaly.id, anomaly);
      if (seen.has(anomaly.id) || anomaly.endedAt !== undefined) continue;
      seen.add(anomaly.id);
      const key = `${anomaly.signal} ${anomaly.direction} ${anomaly.detector} ${anomaly.shape}`;
      if (healthyDays) anomalies[key] = (anomalies[key] ?? 0) + 1;
      else credit(scope, at, "anomalyDelayS", anomaly.entity);
    }
    scope.idleMinutes = open.size > 0 ? 0 : scope.idleMinutes + 1;
    const everyone = Array.from({ length: deployment.size }, (_, replica) => deployment.entity(replica));
    const out = await diagnose.step({ at, anomalies: own, alerts: [], entities: everyone });
    for (const incident of out.incidents) {
      if (scope.incidents.has(incident.id)) continue;
      scope.incidents.add(incident.id);
      const opened: Opened = {
        day: (at - startMs) / dayMs,
        deployment: deployment.profile.name,
        title: incident.title,
        symptoms: [...open.values()].map(describe),
        changes: scope.changes
          .filter((change) => at - change.at < 1_800_000)
          .map(({ summary, at: when }) => `${(at - when) / minuteMs} min ago ${summary}`),
      };
      if (healthyDays) {
        incidents.push(opened);
        tell(`false incident ${JSON.stringify(opened)}`);
      } else if (!credit(scope, at, "incidentDelayS")) falseLater.push(opened);
    }
  }

  /** Writes down when a departure of the deployment was found first; false if none is there to be found. */
  function credit(scope: Scope, at: number, what: "anomalyDelayS" | "incidentDelayS", entity?: string): boolean {
    let any = false;
    for (const departure of found) {
      const toMs = departure.fromMs + departure.lastsMs;
      if (scopes[departure.scope] !== scope || !(at > departure.fromMs && at <= toMs + graceMs)) continue;
      if (entity !== undefined && !entity.endsWith(`-${departure.replica}`)) continue;
      any = true;
      if (at <= toMs) departure[what] ??= (at - departure.fromMs) / 1000;
    }
    return any;
  }
}

function describe(anomaly: Anomaly): string {
  const { entity, signal, direction, detector, observed, expected, tail, onset, lastSeen, shape } = anomaly;
  const replica = entity.slice(entity.lastIndexOf("-") + 1);
  const numbers = [observed, expected.low, expected.high].map((value) => Number(value).toPrecision(3));
  return `#${replica} ${signal} ${direction} ${shape} ${detector} ${numbers[0]} not ${numbers[1]}..${numbers[2]} p=${tail.toExponential(1)} for ${(lastSeen - onset) / minuteMs} min`;
}

function spent(from: NodeJS.CpuUsage, into: GroupResult["cpuS"], what: keyof GroupResult["cpuS"]): NodeJS.CpuUsage {
  const now = process.cpuUsage();
  (into as Record<string, number>)[what]! += (now.user + now.system - from.user - from.system) / 1e6;
  return now;
}
