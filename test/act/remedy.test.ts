// From diagnosis to action: the right remedy, the right target, checks about the right entity.
import { expect, test } from "vitest";
import { bindCheck, remedyFor } from "../../src/act/remedy.ts";
import type { Evidence } from "../../src/model/evidence.ts";
import type { Diagnosis, RankedCause } from "../../src/model/incident.ts";
import { parseQuery } from "../../src/promql/parse.ts";
import { modes } from "../diagnose/fleet.ts";
import { start } from "./bench.ts";

const signal: Evidence = { kind: "signal", says: "vllm-0: seen", at: start, entity: "replica:vllm-0" };
const changed = (subject: string): Evidence => ({
  kind: "change",
  says: "changed",
  at: start - 10_000,
  entity: "deployment:chat",
  subject,
  ref: "c1",
});

function diagnosis(failureMode: string, evidence: readonly Evidence[], changes: Partial<RankedCause> = {}): Diagnosis {
  const trigger = evidence.find(({ kind }) => kind === "change")?.ref;
  const cause: RankedCause = {
    failureMode,
    code: "FM-00",
    title: "T",
    probability: 0.9,
    location: "replica:vllm-0",
    ...(trigger === undefined ? {} : { trigger }),
    for: evidence,
    against: [],
    ...changes,
  };
  return { id: "d", incident: "i1", at: start, causes: [cause], summary: "", falsifiedBy: "" };
}

const mode = (id: string) => modes.find((one) => one.id === id)!;

test.each([
  ["kv-cache-saturation", [signal, changed("config")], "rollback-config", "deployment:chat", { change: "c1" }],
  ["kv-cache-saturation", [signal, signal], "shed-load", "replica:vllm-0", { share: "0.2", seconds: "120" }],
  ["kv-cache-saturation", [signal, changed("model")], "shed-load", "replica:vllm-0", { share: "0.2", seconds: "120" }],
  ["stuck-engine", [signal, signal], "restart-replica", "replica:vllm-0", {}],
  ["upgrade-regression", [signal, changed("deploy")], "rollback-version", "deployment:chat", { change: "c1" }],
] as const)("%s with %j is answered by %s", (id, evidence, kind, target, parameters) => {
  const action = remedyFor(diagnosis(id, evidence), mode(id), start)!.action;
  expect(action).toMatchObject({ kind, target, parameters, incident: "i1", probability: 0.9 });
  for (const check of action.verify) {
    expect(check.expr).toContain('entity="replica:vllm-0"');
    expect(check.expr).not.toContain("$");
    expect(parseQuery(check.expr)).not.toHaveProperty("errors");
  }
});

test.each([
  ["replica:vllm-0", "restart-replica"],
  ["deployment:chat", "shed-load"],
  ["node:a", "notify"],
])("what is done about lost capacity depends on what is lost: %s by %s", (location, kind) => {
  const lost = diagnosis("capacity-loss", [signal, signal], { location });
  expect(remedyFor(lost, mode("capacity-loss"), start)!.action).toMatchObject({ kind, target: location });
});

test.each([
  ["a regression without a deploy", diagnosis("upgrade-regression", [signal, signal]), "upgrade-regression"],
  ["a single observation", diagnosis("stuck-engine", [signal]), "stuck-engine"],
  ["another mode's diagnosis", diagnosis("stuck-engine", [signal, signal]), "kv-cache-saturation"],
  [
    "a name that could end a query's string",
    diagnosis("stuck-engine", [signal, signal], { location: 'replica:x"} or vector(1)' }),
    "stuck-engine",
  ],
])("%s is answered by nothing", (_what, given, id) => {
  expect(remedyFor(given, mode(id), start)).toBeUndefined();
});

test("the same incident's repair has the same key however often it is diagnosed", () => {
  const [a, b] = [start, start + 60_000].map(
    (now) => remedyFor(diagnosis("stuck-engine", [signal, signal]), mode("stuck-engine"), now)!,
  );
  expect(a!.action.idempotencyKey).toBe(b!.action.idempotencyKey);
});

test("a check is compared with the time before, in seconds as PromQL counts", () => {
  const check = { id: "c", says: "c", expr: 'x{entity="$entity"} @ $before', forMs: 1, withinMs: 2 };
  expect(bindCheck(check, "replica:a", 1_500_500)!.expr).toBe('x{entity="replica:a"} @ 1500.500');
});

test("says since when there is trouble: its effect is compared with the time before", () => {
  const earlier = { ...signal, at: start - 90_000 };
  const { action } = remedyFor(diagnosis("stuck-engine", [signal, earlier]), mode("stuck-engine"), start)!;
  expect(action.troubleSince).toBe(start - 90_000);
});

test("the others that fit are what to try otherwise, in the catalogue's order; telling people ends a ladder", () => {
  const found = remedyFor(
    diagnosis("kv-cache-saturation", [signal, changed("config")]),
    mode("kv-cache-saturation"),
    start,
  )!;
  expect([found.action, ...(found.otherwise ?? [])].map(({ kind }) => kind)).toEqual(["rollback-config", "shed-load"]);
  expect(
    remedyFor(diagnosis("stuck-engine", [signal, signal]), mode("stuck-engine"), start)!.otherwise,
  ).toBeUndefined();
  const crash = remedyFor(diagnosis("cuda-illegal-access", [signal, signal]), mode("cuda-illegal-access"), start)!;
  expect(crash.action.kind).toBe("restart-replica");
  expect(mode("cuda-illegal-access").remedies.at(-1)!.action).toBe("notify");
  expect(crash.otherwise).toBeUndefined();
});

test("a knob without a value is advice, and no repair", () => {
  const spec = { action: "set-knob", safety: "B", needsTrigger: false, why: "w" } as const;
  const knob = { ...mode("stuck-engine"), remedies: [spec] };
  expect(remedyFor(diagnosis("stuck-engine", [signal, signal]), knob, start)).toBeUndefined();
});
