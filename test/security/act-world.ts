// The API over the room that acts as the service wires both, with a ledger and an outbox in memory and tokens for every role.

import { openActing } from "../../src/app/acting.ts";
import { Config, type ConfigInput } from "../../src/app/config-schema.ts";
import type { LedgerEntry, Proposal } from "../../src/model/action.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { Role } from "../../src/model/principal.ts";
import { createResultDoor } from "../../src/show/result-door.ts";
import { connectors, proposal } from "../act/bench.ts";
import { atEnd, deliverTo, secret } from "../deliver/hook-kit.ts";
import { memoryRecords } from "../deliver/memory-records.ts";
import { deployment, memorySeries } from "../diagnose/memory-sources.ts";
import { openWorld, postJson, type World } from "../show/kit.ts";

export const roles = ["viewer", "operator", "approver", "admin"] as const;
/** Of the one who proposes, and of two who may approve. */
export const people = { ada: ["approver"], bob: ["approver"], eve: ["operator"] } as const satisfies Record<
  string,
  Role[]
>;
export const tokens = [
  ...roles.map((role) => ({ name: `a-${role}`, secret: `secret-of-${role}`, roles: [role] as const })),
  ...Object.entries(people).map(([name, its]) => ({ name, secret: `secret-of-${name}`, roles: its })),
];
export const bearer = (name: string): Record<string, string> => ({ authorization: `Bearer secret-of-${name}` });

export interface ActWorld {
  readonly world: World;
  readonly ledger: () => readonly LedgerEntry[];
  readonly refusals: () => readonly LedgerEntry[];
  /** Wall and event time, which a test may set forward. */
  readonly clock: { now: number };
  propose(changes?: Partial<Proposal["action"]>): Promise<void>;
  step(): Promise<void>;
  /** What waits, as the API shows it. */
  waiting(): Promise<readonly { readonly action: { readonly id: string }; readonly hash: string }[]>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<number>;
  postText(path: string, body: string, headers: Record<string, string>): Promise<{ status: number; text: string }>;
}

/** `url`: of the receiver called fleet. */
export async function openActWorld(
  url: string,
  act: ConfigInput["act"] = { policies: [{ mode: "approve" }] },
  more: { readonly resultKeys?: Readonly<Record<string, readonly string[]>> } = {},
): Promise<ActWorld> {
  const clock = { now: Date.now() };
  const now = (): number => clock.now;
  const records = memoryRecords();
  const { deliver } = deliverTo(url, { receivers: [{ name: "fleet", url, secret }] }, { records, now });
  const source = memorySeries();
  const { act: room, desk } = await openActing(Config.parse({ act, show: { tokens } }).act, {
    ...{ connectors, notifier: deliver, records, source, telemetry: silentTelemetry, now },
    state: { load: async () => undefined, save: async () => {} },
    lease: { elsewhere: () => undefined },
    entities: () => [],
    openIncidents: () => 0,
  });
  const world = await openWorld({
    options: { tokens, limits: { requestsPerSecond: 1e6, requestsBurst: 1e6 } },
    deps: { act: desk, outbox: deliver, records, now },
  });
  Object.assign(world.deps.webhooks, { door: createResultDoor(more.resultKeys ?? { fleet: [secret] }) });
  atEnd(() => world.show[Symbol.asyncDispose]());
  const report = (): void => {
    for (const name of ["vllm-0", "vllm-1", "vllm-2"]) {
      const labels = { __name__: "llm:generated_tokens:rate", entity: `replica:${name}`, parent: deployment };
      source.add(labels, clock.now, 0);
    }
  };
  const ledger = (): readonly LedgerEntry[] => records.all.actions;
  return {
    world,
    clock,
    ledger,
    refusals: () => ledger().filter(({ state }) => state === "refused"),
    async propose(changes = {}) {
      report();
      await room.propose(proposal({ proposedAt: clock.now, ...changes }), clock.now);
    },
    async step() {
      report();
      await room.step(clock.now);
    },
    async waiting() {
      const answer = await world.get("/api/v1/act", { headers: bearer("viewer") });
      return ((await answer.json()) as { data: { open: [] } }).data.open;
    },
    async post(path, body, headers = {}) {
      const answer = await world.get(path, postJson(body, headers));
      await answer.body?.cancel();
      return answer.status;
    },
    async postText(path, body, headers) {
      const answer = await world.get(path, postJson(body, headers));
      return { status: answer.status, text: await answer.text() };
    },
  };
}
