// Every kind of fault leaves in the telemetry what the real one leaves, against the same seed without it.
import { describe, expect, test } from "vitest";
import { faultKinds } from "../../src/simulate/faults/registry.ts";
import { aroundRows } from "./fault-table/around.ts";
import { engineRows } from "./fault-table/engine.ts";
import { loadRows } from "./fault-table/load.ts";
import { machineRows } from "./fault-table/machine.ts";
import { rolloutRows } from "./fault-table/rollout.ts";
import type { Row } from "./fault-table/row.ts";
import { type Played, play, scenarioText } from "./played.ts";

const table: Readonly<Record<string, Row>> = {
  ...engineRows,
  ...loadRows,
  ...rolloutRows,
  ...machineRows,
  ...aroundRows,
};

const beginsMs = 60_000;
/** Rollouts need their cold start before they show. */
const readFromMs = 120_000;
/** These show the moment they begin. */
const atOnce = new Set([
  "gpu_oom_class",
  "cuda_illegal_access",
  "xid",
  "ecc",
  "gpu_missing",
  "nccl_hang",
  "rss_leak",
  "disk_fill",
  "config_error",
  "weights_corrupt",
  "compile_cache_poison",
  "prefill_convoy",
]);
const healthy = new Map<string, Played>();

function well(row: Row, fromMs: number, toMs: number): Played {
  const key = `${row.engine} ${row.classes} ${fromMs} ${toMs}`;
  let played = healthy.get(key);
  if (played === undefined) {
    played = play(scenarioText("", options(row)), fromMs, toMs);
    healthy.set(key, played);
  }
  return played;
}

function options({ engine, classes }: Row) {
  return { ...(engine === undefined ? {} : { engine }), ...(classes === undefined ? {} : { classes }) };
}

describe("what a fault leaves", () => {
  test.each(Object.entries(table))("%s", (kind, row) => {
    const toMs = row.toMs ?? 210_000;
    const from = atOnce.has(kind) ? 30_000 : readFromMs;
    const text = scenarioText(
      `{ kind: ${kind}, target: "${row.target}", at: ${beginsMs}ms, params: { ${row.params ?? ""} } }`,
      options(row),
    );
    row.holds(play(text, from, toMs), well(row, from, toMs));
  });

  test("no kind is left out", () => {
    expect(new Set(Object.keys(table))).toEqual(new Set(faultKinds.map(({ kind }) => kind)));
  });
});
