// A room to act in: one deployment on paper, a notifier that remembers, a ledger, and a clock that is a number.
import { readFileSync } from "node:fs";
import { type Act, createAct } from "../../src/act/act.ts";
import { loadConnectors } from "../../src/act/connectors.ts";
import type { ActDeps, ActOptions } from "../../src/act/desk.ts";
import type { Place } from "../../src/act/facts.ts";
import type { Policy } from "../../src/act/policy.ts";
import type { Action, Proposal } from "../../src/model/action.ts";
import type { KeptHead } from "../../src/model/ledger.ts";
import type { Word } from "../../src/model/ports/act-desk.ts";
import type { DeliveryOutcome, OutgoingMessage } from "../../src/model/ports/notifier.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { Principal } from "../../src/model/principal.ts";
import { memoryRecords } from "../deliver/memory-records.ts";
import { deployment, memorySeries } from "../diagnose/memory-sources.ts";

export const start = Date.UTC(2026, 0, 5, 12);
export const auto: Policy = {
  id: "all",
  action: "*",
  target: "*",
  failureMode: "*",
  minEvidence: 1,
  onlyIn: [],
  mode: "auto",
  minProbability: 0.7,
  cooldown: 300_000,
  attempts: 2,
  maxEvidenceAge: 60_000,
  watch: 120_000,
  approval: { quorum: 1, ttl: 900_000 },
};

const text = readFileSync(new URL("../../rules/connectors/webhook.yaml", import.meta.url), "utf8");
export const { connectors, mistakes } = loadConnectors([{ name: "webhook.yaml", text }]);

export function proposal(changes: Partial<Action> = {}): Proposal {
  const action: Action = {
    id: `a-${changes.target ?? "x"}`,
    kind: "restart-replica",
    target: "replica:vllm-0",
    domain: "replica:vllm-0",
    incident: "i1",
    failureMode: "stuck-engine",
    probability: 0.95,
    parameters: {},
    safety: "A",
    verify: [
      {
        id: "flows",
        says: "tokens flow",
        expr: 'llm:generated_tokens:rate{entity="replica:vllm-0"} > 0',
        forMs: 30_000,
        withinMs: 120_000,
      },
    ],
    why: "It hangs.",
    idempotencyKey: `key-${changes.target ?? "x"}`,
    proposedAt: start,
    evidence: { kinds: ["signal", "log"], says: ["no tokens", "NCCL timeout"] },
    ...changes,
  };
  return { origin: "diagnosis", action };
}

/** `policies` empty = nothing configured. Every replica reports `tokens` at each `tick`; undefined = silence. */
export function bench(policies: readonly Policy[] = [auto], more: Partial<ActOptions> = {}) {
  const source = memorySeries();
  const records = memoryRecords();
  const sent: OutgoingMessage[] = [];
  const state = {
    now: start,
    tokens: 0 as number | undefined,
    answer: { kind: "delivered", status: 202, attempts: 1 } as DeliveryOutcome,
    stopped: undefined as string | undefined,
    elsewhere: undefined as string | undefined,
    incidents: 0,
    places: {} as Record<string, Place>,
    onSend: (_message: OutgoingMessage): void => {},
  };
  const notifier = {
    send(message: OutgoingMessage) {
      state.onSend(message);
      sent.push(message);
      return Promise.resolve(state.answer);
    },
  };
  const kept: { head?: KeptHead } = {};
  const head = {
    load: async () => kept.head,
    save: async (end: KeptHead) => {
      kept.head = end;
    },
  };
  const deps: ActDeps = {
    ...{ notifier, records, head, source, telemetry: silentTelemetry },
    stopped: () => state.stopped,
    elsewhere: () => state.elsewhere,
    openIncidents: () => state.incidents,
    placeOf: (target) => state.places[target] ?? {},
  };
  const storm = { maxIncidents: 5, calm: 600_000 };
  const options: ActOptions = { policies, connectors, windows: [], storm, ...more };
  const act = createAct(options, deps);
  function report(): void {
    if (state.tokens === undefined) return;
    for (const name of ["vllm-0", "vllm-1", "vllm-2"]) {
      const labels = { __name__: "llm:generated_tokens:rate", entity: `replica:${name}`, parent: deployment };
      source.add(labels, state.now, state.tokens);
    }
  }
  report();
  return {
    act,
    again: () => createAct(options, deps),
    notifier,
    records,
    source,
    kept,
    sent,
    state,
    requests: () => sent.filter(({ type }) => type === "action.requested"),
    states: () =>
      records.all.actions
        .filter(({ action }) => !action.id.startsWith("room:"))
        .map(({ state: s, by }) => (s === "held" ? `held by ${by}` : s)),
    /** Goes on for `ms` of event time, a step every ten seconds. */
    async run(ms: number, room = act) {
      for (const end = state.now + ms; state.now < end; ) {
        state.now += 10_000;
        report();
        await room.step(state.now);
      }
    },
  };
}

/** Somebody with the role approver. */
export function approver(name: string): Principal {
  return { name, tenant: "default", roles: ["approver"] };
}

export const ada = approver("ada");

/** A word about an action as `room` shows it now. */
export function wordOn(room: Act, id: string, principal: Principal = ada): Word {
  const hash = room.status().open.find(({ action }) => action.id === id)?.hash ?? "0".repeat(64);
  return { id, hash, principal, says: "" };
}
