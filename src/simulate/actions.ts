// What operators and controllers can do to the fleet, and what it answers.
import type { ChangeKind } from "../model/change.ts";
import type { Labels } from "../model/labels.ts";
import type { Actions, Answer, Capacity, Rollout } from "./action.ts";
import { repairData, resetPolicy, resetPrompts } from "./repairs.ts";
import type { Replica, Spec } from "./replica.ts";
import { earlierSpec } from "./replica.ts";
import type { Rollouts } from "./rollouts.ts";
import { EngineConfig, poolTokens, type Scenario } from "./scenario.ts";
import { entityOf, parseTarget, type Target } from "./targets.ts";
import type { World } from "./world.ts";

interface Order {
  readonly at: Target;
  readonly hit: readonly Replica[];
  readonly target: string;
  readonly parameters: Labels;
  readonly by: string;
  readonly nowMs: number;
}

/** Other words for actions: those of scenario files. */
const synonyms: Readonly<Record<string, string>> = {
  shed: "shed-load",
  "restart-all": "restart-replica",
  "scale-out": "scale",
  notify: "noop",
};
const replicasMax = 32;

export function createActions(world: World, rollouts: Rollouts, capacity: Capacity): Actions {
  const { scenario, gateway, surroundings } = world;

  function rollOut({ target, replicas: hit, specOf, kind, why, by, nowMs }: Rollout): void {
    const first = hit[0];
    if (first === undefined) return;
    const { before, after } = difference(first.spec, specOf(first));
    const changed = Object.keys(after).map((key) => `${key} ${before[key]} -> ${after[key]}`);
    const summary = changed.length === 0 ? why : `${why}: ${changed.join(", ")}`;
    world.change({ atMs: nowMs, kind, target, summary, before, after, by });
    rollouts.start({ replicas: hit, specOf }, nowMs);
  }

  function rollback(part: "config" | "version", order: Order): Answer {
    const { target, by, nowMs } = order;
    const hit = order.hit.filter((replica) => earlierSpec(replica, part) !== undefined);
    const cancelled = rollouts.cancel(order.hit);
    if (hit.length === 0 && cancelled > 0) return { kind: "accepted", will: `stop the rollout to ${target}` };
    if (hit.length === 0) return refused(409, `${target} has no earlier ${part} to roll back to`);
    // Decided now: a second rollback behind this one must not undo the undoing.
    const specs = new Map(hit.map((replica) => [replica, earlierSpec(replica, part)!]));
    const names = hit.map((replica) => replica.name).join(", ");
    const kind = part === "config" ? "config" : "deploy";
    const specOf = (replica: Replica): Spec => specs.get(replica) ?? replica.spec;
    rollOut({ target, replicas: hit, specOf, kind, why: `${part} rolled back`, by, nowMs });
    return { kind: "accepted", will: `roll back the ${part} of ${names}, one after the other` };
  }

  /** Whatever was rolled out last: a version, a configuration, the gateway's policy, an application's prompts. */
  function rollbackAny(order: Order): Answer {
    const { at } = order;
    if (at.kind === "gateway") return tell(order, "config", "gateway policy rolled back", () => resetPolicy(world));
    if (at.kind === "app") return tell(order, "deploy", "application rolled back", () => resetPrompts(world));
    const version = order.hit.some((replica) => earlierSpec(replica, "version") !== undefined);
    return rollback(version ? "version" : "config", order);
  }

  function setKnob(order: Order): Answer {
    const { hit, target, parameters, by, nowMs } = order;
    const knob = parameters["knob"] ?? "";
    if (!Object.hasOwn(EngineConfig.shape, knob)) return refused(422, `there is no engine flag "${knob}"`);
    const value = knobValue(parameters["value"] ?? "");
    const next = EngineConfig.safeParse({ ...hit[0]!.spec.config, [knob]: value });
    if (!next.success) return refused(422, `"${parameters["value"]}" is no value for ${knob}`);
    const reason = wouldNotStart(scenario, next.data);
    if (reason !== undefined) return refused(422, reason);
    const specOf = (replica: Replica): Spec => ({ ...replica.spec, config: { ...replica.spec.config, [knob]: value } });
    rollOut({ target, replicas: hit, specOf, kind: "config", why: "engine flag set", by, nowMs });
    return { kind: "accepted", will: `restart ${hit.length} replica(s) with ${knob}=${parameters["value"]}` };
  }

  function shedLoad(order: Order): Answer {
    const { parameters, nowMs } = order;
    const share = Number(parameters["share"] ?? 0.2);
    const seconds = Number(parameters["seconds"] ?? 60);
    if (!(share > 0 && share < 1)) return refused(422, "share must lie between 0 and 1");
    if (!(seconds > 0 && seconds <= 3600)) return refused(422, "seconds must lie between 0 and 3600");
    const summary = `gateway sheds ${Math.round(share * 100)} % of requests for ${seconds} s`;
    return tell(order, "other", summary, () => gateway.shed(share, nowMs + seconds * 1000), { share: String(share) });
  }

  function scale(order: Order): Answer {
    const now = world.replicas.filter(({ state }) => state !== "absent").length;
    const wanted = Number(order.parameters["replicas"] ?? now + 1);
    if (!(Number.isInteger(wanted) && wanted >= 1 && wanted <= replicasMax)) {
      return refused(422, `replicas must be a whole number from 1 to ${replicasMax}`);
    }
    if (surroundings.cluster.controllerDown) return refused(409, "no controller answers: nothing is scaled");
    const summary = `scaled from ${now} to ${wanted} replicas`;
    return tell(order, "scale", summary, () => capacity.scale(wanted, order.nowMs), { replicas: String(wanted) });
  }

  function drain(order: Order): Answer {
    const nodes = world.nodesAt(order.at);
    if (nodes.length !== 1) return refused(422, "name one node, such as node:1");
    const node = nodes[0]!;
    return tell(order, "other", `node ${node.name} cordoned and drained`, () => {
      capacity.replaceNode(node.index, order.nowMs);
    });
  }

  /** Does it at once and says so in a change event. */
  function tell(order: Order, kind: ChangeKind, summary: string, act: () => void, after: Labels = {}): Answer {
    const { nowMs, by, target } = order;
    world.change({ atMs: nowMs, kind, target, summary, before: {}, after, by });
    act();
    return { kind: "accepted", will: summary };
  }

  function flush(order: Order): Answer {
    return tell(order, "other", "prefix cache reset", () => {
      for (const { engine, condition } of order.hit) {
        engine.resetPrefixCache();
        condition.foreignShare = 0;
        condition.leakedBlocks = 0;
      }
    });
  }

  function restart({ hit, target, by, nowMs }: Order): Answer {
    rollOut({ target, replicas: hit, specOf: ({ spec }) => spec, kind: "restart", why: "restarted", by, nowMs });
    return { kind: "accepted", will: `restart ${hit.map((replica) => replica.name).join(", ")}` };
  }

  const actions: Readonly<Record<string, (order: Order) => Answer>> = {
    "rollback-config": (order) => rollback("config", order),
    "rollback-version": (order) => rollback("version", order),
    rollback: rollbackAny,
    "set-knob": setKnob,
    "shed-load": shedLoad,
    "undo-shed-load": (order) => tell(order, "other", "gateway sheds no load", () => gateway.shed(0, 0)),
    scale,
    "drain-node": drain,
    "flush-cache": flush,
    "reset-retry-budget": (order) => tell(order, "config", "retry budget reset", () => resetPolicy(world)),
    "repair-data": (order) => tell(order, "other", "data repaired", () => repairData(world)),
    "restart-replica": restart,
    noop: () => ({ kind: "accepted", will: "do nothing" }),
  };
  const needReplicas = new Set(["rollback-config", "rollback-version", "set-knob", "flush-cache", "restart-replica"]);

  return {
    rollOut,
    perform(request, by, nowMs) {
      const spelled = request.action.replaceAll("_", "-");
      const name = synonyms[spelled] ?? spelled;
      const act = Object.hasOwn(actions, name) ? actions[name] : undefined;
      const at = targetNamed(request.target, world);
      if (typeof at === "string") return refused(404, at);
      if (act === undefined) return refused(422, `this fleet cannot do "${request.action}"`);
      const hit = world.replicasAt(at);
      if (needReplicas.has(name) && !["replica", "deployment", "node", "gpu"].includes(at.kind)) {
        return refused(404, `no such target ${request.target}: name a replica or the deployment`);
      }
      return act({ at, hit, target: entityOf(at, scenario), parameters: request.parameters, by, nowMs });
    },
  };
}

/** Nodes may have been replaced, and go by other numbers than they began with. */
function targetNamed(text: string, { scenario, nodes, replicas }: World): Target | string {
  const node = nodes.find(({ name }) => text === `node:${name}`);
  if (node !== undefined) return { kind: "node", index: node.index };
  return parseTarget(text, { ...scenario, replicas: replicas.length });
}

function knobValue(text: string): number | boolean {
  return text === "true" || text === "false" ? text === "true" : Number(text);
}

/** Why vLLM would exit at start-up with this configuration; undefined if it would not. */
export function wouldNotStart(scenario: Scenario, config: EngineConfig): string | undefined {
  const tokens = poolTokens(scenario.model, scenario.gpu, config, scenario.tp);
  if (tokens >= config.max_model_len) return undefined;
  return `the engine would not start: its KV cache would hold ${tokens} tokens, less than max_model_len ${config.max_model_len}`;
}

function refused(status: 404 | 409 | 422, reason: string): Answer {
  return { kind: "refused", status, reason };
}

/** What a spec changes, as label maps of the same keys. */
function difference(from: Spec, to: Spec): { before: Labels; after: Labels } {
  const before: Record<string, string> = {};
  const after: Record<string, string> = {};
  if (from.version !== to.version) {
    before["version"] = from.version;
    after["version"] = to.version;
  }
  for (const key of Object.keys(from.config) as (keyof EngineConfig)[]) {
    if (from.config[key] === to.config[key]) continue;
    before[key] = String(from.config[key]);
    after[key] = String(to.config[key]);
  }
  return { before, after };
}
