// What acting is worth: judged on made-up minutes with a known verdict, and by a fleet whose truth is known.
import { describe, expect, test } from "vitest";
import { actFigures } from "../../src/app/gauntlet/acting/act-figures.ts";
import { actScore, isOverFor } from "../../src/app/gauntlet/acting/act-score.ts";
import { createActuator } from "../../src/app/gauntlet/acting/actuator.ts";
import { remediesOf } from "../../src/app/gauntlet/acting/remedies.ts";
import { createFeltMeter, type FeltMinutes } from "../../src/simulate/felt.ts";
import { createFleet } from "../../src/simulate/fleet.ts";
import { GroundTruth } from "../../src/simulate/ground-truth.ts";
import { healthyScenario, scenarioFor } from "../../src/simulate/scenario.ts";
import { createSimulation } from "../../src/simulate/simulation.ts";
import { modes } from "../diagnose/fleet.ts";

const minute = 60_000;
const whole = "deployment:chat";
const stuck = GroundTruth.parse({
  ...{ mode: "FM-05", onset: "10m", root: { component: "replica:1" } },
  acceptable_actions: [{ action: "restart_replica", target: "replica:1" }],
}) as GroundTruth;
const remedies = remediesOf(stuck, ["replica:vllm-1"], whole, modes);
const truth = { isFault: true, onsetMs: 10 * minute, remedies };
/** Ten good minutes, then a quarter of all requests lost until `until`. */
const shares = (until: number, minutes = 40, more = 0): FeltMinutes => ({
  bad: Float64Array.from({ length: minutes }, (_, i) =>
    i >= 10 && i < until ? 0.25 + (i >= 12 && i < 22 ? more : 0) : 0.01,
  ),
  out: new Float64Array(minutes),
});
const restart = { atMs: 12 * minute, action: "restart-replica", target: "replica:vllm-1", isUndo: false };

describe("an executed action", () => {
  const felt = { acted: shares(14), left: shares(40) };
  test("that helps: repaired, harm over after four minutes instead of never", () => {
    const score = actScore(truth, felt, [restart], []);
    const right = { repairable: true, repaired: true, harmful: 0, wrong: 0, executed: 1, ttrMs: 4 * minute };
    expect(score).toMatchObject({ ...right, ttrLeftMs: 29 * minute });
  });
  test("on a healthy replica is wrong and harmful, whatever comes of it", () => {
    const score = actScore(truth, felt, [{ ...restart, target: "replica:vllm-2" }], []);
    expect(score).toMatchObject({ harmful: 1, wrong: 1, wrongAuto: 1 });
  });
  test("that makes it worse is harmful, though it is the right one", () => {
    const worse = { acted: shares(40, 40, 0.05), left: shares(40) };
    expect(actScore(truth, worse, [restart], [])).toMatchObject({ harmful: 1, wrong: 0 });
  });
  test("that the fleet refused, or that takes another back, was not executed", () => {
    const none = [
      { ...restart, refused: "no" },
      { ...restart, isUndo: true },
    ];
    expect(actScore(truth, felt, none, [])).toMatchObject({ executed: 0, harmful: 0 });
  });
  test("of another kind than the right ones is wrong; of those the catalogue names it is right", () => {
    expect(remedies.isRight({ kind: "scale-out", target: "replica:vllm-1" })).toBe(false);
    expect(remedies.isRight({ kind: "restart-replica", target: "replica:vllm-1" })).toBe(true);
    expect(remedies.isRight({ kind: "restart-replica", target: "replica:vllm-2" })).toBe(false);
  });
  test("in a run without fault strikes what is healthy", () => {
    const none = remediesOf(GroundTruth.parse({ mode: "NONE" }) as GroundTruth, [], whole, modes);
    const quiet = shares(0);
    const score = actScore(
      { isFault: false, onsetMs: 0, remedies: none },
      { acted: quiet, left: quiet },
      [restart],
      [],
    );
    expect(score).toMatchObject({ isFault: false, harmful: 1, wrong: 1, repairable: false });
    expect(actFigures([score]).do_nothing_share).toBe(0);
  });
});

test("what ends by itself, and what nobody feels, is not repairable", () => {
  expect(actScore(truth, { acted: shares(20), left: shares(20) }, [], [])).toMatchObject({ repairable: false });
  const unfelt = actScore(truth, { acted: shares(0), left: shares(0) }, [], []);
  expect(unfelt).toMatchObject({ repairable: false });
  expect(unfelt).not.toHaveProperty("ttrMs");
});

test("a replica that serves nobody is harm, though the others carry its load", () => {
  const idle = { ...shares(0), out: Float64Array.from({ length: 40 }, (_, i) => (i >= 10 ? 0.25 : 0)) };
  expect(actScore(truth, { acted: shares(0), left: idle }, [restart], [])).toMatchObject({
    repairable: true,
    repaired: true,
  });
});

test("harm is over only after enough quiet minutes", () => {
  expect(isOverFor(10, shares(14, 22), 10 * minute)).toBe(false);
  expect(isOverFor(10, shares(14, 26), 10 * minute)).toBe(true);
});

test("an id that was answered does nothing again; what is for people never reaches the fleet", async () => {
  const asked: string[] = [];
  const { notifier, carried } = createActuator({
    nowMs: 5,
    perform({ action, target }) {
      asked.push(`${action} ${target}`);
      return { kind: "accepted", will: "do it" };
    },
  });
  const message = (id: string, type: string, action: string) => ({
    id,
    receiver: "fleet",
    type,
    data: { action, target: "service:gateway" },
  });
  await notifier.send(message("1", "action.requested", "shed-load"));
  await notifier.send(message("1", "action.requested", "shed-load"));
  await notifier.send(message("2", "action.undo", "shed-load"));
  await notifier.send(message("3", "action.requested", "notify"));
  await notifier.send(message("4", "action.escalated", "shed-load"));
  expect(asked).toEqual(["shed-load gateway", "undo-shed-load gateway"]);
  expect(carried().map(({ isUndo }) => isUndo)).toEqual([false, true]);
});

test("people feel a stuck engine until it is restarted, and the same up to then with and without a service", () => {
  const scenario = scenarioFor("stuck-engine", 1, { atMs: 6 * minute }, { replicas: 2 })!;
  const [watched, alone] = [createFeltMeter(), createFeltMeter()];
  const simulation = createSimulation(scenario, { startAt: 0, witness: watched.witness });
  const fleet = createFleet(scenario, alone.witness);
  for (let atMs = 5000; atMs <= 12 * minute; atMs += 5000) {
    simulation.advance(atMs);
    watched.look(simulation.fleet);
    fleet.advance(atMs);
    alone.look(fleet);
    if (atMs === 8 * minute)
      simulation.perform({ action: "restart-replica", target: "replica:1", parameters: {} }, "x");
  }
  const [acted, left] = [watched.minutes(6 * minute), alone.minutes(6 * minute)];
  expect(acted.bad.subarray(0, 8)).toEqual(left.bad.subarray(0, 8));
  expect(left.out[4]).toBe(0);
  expect(left.out[10]).toBe(0.5);
  expect(left.bad[6]).toBeGreaterThan(0.1);
  expect(acted.out[10]).toBe(0);
  expect(acted.bad[10]).toBeLessThan(0.1);
});

test("a wrong answer is as bad as none: what is garbled on one of two replicas is felt, though it comes as fast as ever", () => {
  const fault = { kind: "gibberish", target: "replica:1", atMs: 6 * minute, params: { fraction: 0.6 } };
  const scenario = healthyScenario(1, { replicas: 2, faults: [fault] });
  const meter = createFeltMeter();
  const fleet = createFleet(scenario, meter.witness);
  for (let atMs = 5000; atMs <= 10 * minute; atMs += 5000) {
    fleet.advance(atMs);
    meter.look(fleet);
  }
  const { bad } = meter.minutes(6 * minute);
  expect(bad[4]).toBeLessThan(0.15);
  expect(bad[8]).toBeGreaterThan(bad[4]! + 0.1);
});
