// Scenarios nobody has written: the faults, load, engine and times of those at hand, drawn anew and crossed.
import { type Random, seededRandom } from "../../math/random.ts";
import type { DurationMs } from "../../model/time.ts";
import { parseYaml } from "../../model/yaml.ts";
import { Duration } from "../../simulate/durations.ts";
import { parseScenario } from "../../simulate/scenario-file.ts";
import { createSimulation } from "../../simulate/simulation.ts";

export interface ScenarioText {
  readonly file: string;
  readonly text: string;
}

type Part = Record<string, unknown>;

/** How far sizes and lengths are drawn from what is written: a factor of at most e to this. */
const spread = 0.3;
/** Loads hardly upwards: a fleet that is short of room before its fault, or without one, would belie the truth. */
const loadUp = 0.05;
/** So many of the drawn ones have the fleet and load of another scenario, so many another's distractor beside their own. */
const crossedShare = 0.5;
const distractedShare = 0.25;
/** Runs without fault among those drawn. */
const healthyShare = 0.3;
const shiftMs: DurationMs = 150_000;
/** A draw that makes no sense (a model that does not fit, a replica that is not there) is drawn again so often. */
const tries = 30;

/**
 * `count` scenarios as texts (JSON, which is YAML), every mode equally often; the same for the same seed and scenarios. Those with
 * a mistake are left out. `afterMs`: a scenario with a fault ends so long after its onset, if it would not end before.
 *
 * A fault in another fleet may leave no trace at all there (a limit that nobody reaches): the truth still names it. Runs without fault
 * get no more load, and nothing larger, than was written for them: more of it could be real harm.
 */
export function varied(
  scenarios: readonly ScenarioText[],
  count: number,
  seed: number,
  afterMs = Number.POSITIVE_INFINITY,
): readonly ScenarioText[] {
  const random = seededRandom(seed);
  const sound = scenarios.flatMap(({ file, text }) => {
    const parsed = parseScenario(file, text);
    const plain = parseYaml(file, text);
    if (!parsed.ok || !plain.ok) return [];
    return [{ file, mode: parsed.value.truth.mode, plain: plain.value as Part }];
  });
  const byMode = new Map<string, (typeof sound)[number][]>();
  for (const one of sound) byMode.set(one.mode, [...(byMode.get(one.mode) ?? []), one]);
  const modes = [...byMode.keys()].filter((mode) => mode !== "NONE").toSorted((a, b) => (a < b ? -1 : 1));
  const out: ScenarioText[] = [];
  let turn = Math.floor(random() * Math.max(1, modes.length));
  for (let i = 0; i < count; i++) {
    const wantsNone = byMode.has("NONE") && (modes.length === 0 || random() < healthyShare);
    const mode = wantsNone ? "NONE" : modes[turn++ % modes.length];
    if (mode === undefined) break;
    const own = pick(byMode.get(mode)!, random);
    for (let attempt = 0; attempt < tries; attempt++) {
      const drawn = draw(own.plain, pick(sound, random).plain, pick(sound, random).plain, random, afterMs, attempt);
      const part = drawn["scenario"] as Part;
      part["id"] = `${part["id"]}-v${i + 1}`;
      const text = JSON.stringify(drawn);
      if (!makesSense(own.file, text)) continue;
      out.push({ file: own.file, text });
      break;
    }
  }
  return out;
}

/** Some faults ask more of a fleet than the file can tell. */
function makesSense(file: string, text: string): boolean {
  const parsed = parseScenario(file, text);
  if (!parsed.ok) return false;
  try {
    createSimulation(parsed.value.scenario, { startAt: 0 });
    return true;
  } catch {
    return false;
  }
}

function draw(own: Part, fleet: Part, beside: Part, random: Random, afterMs: DurationMs, attempt: number): Part {
  const made = structuredClone(own);
  if (random() < crossedShare && attempt < tries / 2) {
    for (const part of ["engine", "workload", "telemetry"]) if (fleet[part] !== undefined) made[part] = fleet[part];
  }
  made["engine"] = { ...(made["engine"] as Part | undefined) };
  made["workload"] = { ...(made["workload"] as Part | undefined) };
  const engine = made["engine"] as Part;
  const workload = made["workload"] as Part;
  const replicas = Number(engine["replicas"] ?? 4);
  engine["replicas"] = Math.max(1, Math.min(8, replicas + Math.floor(random() * 4) - 1));
  workload["scale"] = Number((Number(workload["scale"] ?? 1) * factor(random, loadUp)).toPrecision(3));
  const faults = entriesOf(made, "faults");
  const distractors = entriesOf(made, "distractors");
  const others = entriesOf(beside, "distractors");
  const isHealthy = faults.length === 0;
  if (random() < distractedShare && others.length > 0 && !isHealthy) {
    const { id: _id, ...entry } = pick(others, random);
    distractors.push({ ...entry });
  }
  const shift = Math.round((random() * 2 - 1) * shiftMs);
  // The last tries keep the parameters: some make sense only as they are.
  const jitters = attempt < (2 * tries) / 3;
  for (const entry of [...faults, ...distractors]) {
    entry["at"] = moved(entry["at"], shift);
    if (entry["hold"] !== undefined && jitters) entry["hold"] = stretched(entry["hold"], factor(random));
    if (jitters) entry["params"] = drawnParams(entry["params"] as Part | undefined, random, isHealthy ? 0 : spread);
  }
  made["faults"] = faults;
  made["distractors"] = distractors;
  const truth = made["ground_truth"] as Part;
  const scenario = made["scenario"] as Part;
  scenario["seed"] = Math.floor(random() * 4_294_967_295);
  let durationMs = msOf(scenario["duration"] ?? "1h") + shift;
  if (truth["onset"] !== undefined && truth["onset"] !== null) {
    truth["onset"] = moved(truth["onset"], shift);
    durationMs = Math.min(durationMs, msOf(truth["onset"]) + afterMs);
    // What would begin after the end is no part of it.
    made["distractors"] = distractors.filter(({ at }) => msOf(at) < durationMs);
    made["faults"] = faults.filter(({ at }) => msOf(at) < durationMs);
  }
  scenario["duration"] = `${durationMs}ms`;
  return made;
}

/** Parameters whose number is a name. */
const names: ReadonlySet<string> = new Set(["code"]);

function drawnParams(params: Part | undefined, random: Random, up: number): Part {
  return Object.fromEntries(
    Object.entries(params ?? {}).map(([name, value]) => {
      if (typeof value !== "number" || value === 0 || names.has(name)) return [name, value];
      const by = factor(random, up);
      if (Number.isInteger(value)) return [name, Math.max(1, Math.round(value * by))];
      // What multiplies is drawn by how far it is from doing nothing.
      const drawn = value > 1 ? 1 + (value - 1) * by : Math.min(value * by, (1 + value) / 2);
      return [name, Number(drawn.toPrecision(3))];
    }),
  );
}

function entriesOf(file: Part, part: string): Part[] {
  return structuredClone((file[part] ?? []) as Part[]);
}

function factor(random: Random, up = spread): number {
  return Math.exp(random() * (up + spread) - spread);
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[Math.floor(random() * list.length)]!;
}

function msOf(text: unknown): DurationMs {
  return Duration.parse(text);
}

function moved(text: unknown, byMs: DurationMs): string {
  return `${Math.max(60_000, msOf(text) + byMs)}ms`;
}

function stretched(text: unknown, by: number): string {
  return `${Math.round(msOf(text) * by)}ms`;
}
