// What operators and controllers can do to the fleet, and what it answers.
import type { ChangeKind } from "../model/change.ts";
import type { Labels } from "../model/labels.ts";
import type { Gateway } from "./gateway.ts";
import type { Replica, Spec } from "./replica.ts";
import { earlierSpec } from "./replica.ts";
import type { Rollouts } from "./rollouts.ts";
import { EngineConfig, poolTokens, type Scenario } from "./scenario.ts";
import { parseTarget } from "./targets.ts";

export interface Request {
  readonly action: string;
  /** `replica:<name>` or `deployment:<name>`. */
  readonly target: string;
  readonly parameters: Labels;
}

export type Answer =
  /** What will be done, in a sentence. */
  | { readonly kind: "accepted"; readonly will: string }
  | { readonly kind: "refused"; readonly status: 404 | 409 | 422; readonly reason: string };

export interface Change {
  readonly atMs: number;
  readonly kind: ChangeKind;
  readonly target: string;
  readonly summary: string;
  readonly before: Labels;
  readonly after: Labels;
  readonly by: string;
}

export interface Actions {
  /** Does it, or says why not. `by` goes into the change event. */
  perform(request: Request, by: string, nowMs: number): Answer;
  /** A rollout somebody ordered: change event, then restarts. */
  rollOut(rollout: {
    readonly target: string;
    readonly replicas: readonly Replica[];
    readonly specOf: (replica: Replica) => Spec;
    readonly kind: ChangeKind;
    readonly why: string;
    readonly by: string;
    readonly nowMs: number;
  }): void;
  replicasOf(target: string): readonly Replica[];
}

export function createActions(
  scenario: Scenario,
  replicas: readonly Replica[],
  rollouts: Rollouts,
  gateway: Gateway,
  onChange: (change: Change) => void,
): Actions {
  function replicasOf(target: string): readonly Replica[] {
    const at = parseTarget(target, scenario, ["replica", "deployment"]);
    if (typeof at === "string") return [];
    return at.index === undefined ? replicas : [replicas[at.index]!];
  }

  const rollOut: Actions["rollOut"] = ({ target, replicas: hit, specOf, kind, why, by, nowMs }) => {
    const first = hit[0];
    if (first === undefined) return;
    const { before, after } = difference(first.spec, specOf(first));
    const changed = Object.keys(after).map((key) => `${key} ${before[key]} -> ${after[key]}`);
    const summary = changed.length === 0 ? why : `${why}: ${changed.join(", ")}`;
    onChange({ atMs: nowMs, kind, target, summary, before, after, by });
    rollouts.start({ replicas: hit, specOf }, nowMs);
  };

  function rollback(part: "config" | "version", { target }: Request, by: string, nowMs: number): Answer {
    const hit = replicasOf(target).filter((replica) => earlierSpec(replica, part) !== undefined);
    const cancelled = rollouts.cancel(replicasOf(target));
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

  function setKnob({ target, parameters }: Request, by: string, nowMs: number): Answer {
    const knob = parameters["knob"] ?? "";
    if (!Object.hasOwn(EngineConfig.shape, knob)) return refused(422, `there is no engine flag "${knob}"`);
    const hit = replicasOf(target);
    const next = EngineConfig.safeParse({ ...hit[0]!.spec.config, [knob]: Number(parameters["value"]) });
    if (!next.success) return refused(422, `"${parameters["value"]}" is no value for ${knob}`);
    const reason = wouldNotStart(scenario, next.data);
    if (reason !== undefined) return refused(422, reason);
    const specOf = (replica: Replica): Spec => ({
      ...replica.spec,
      config: { ...replica.spec.config, [knob]: Number(parameters["value"]) },
    });
    rollOut({ target, replicas: hit, specOf, kind: "config", why: "engine flag set", by, nowMs });
    return { kind: "accepted", will: `restart ${hit.length} replica(s) with ${knob}=${parameters["value"]}` };
  }

  function shedLoad({ target, parameters }: Request, by: string, nowMs: number): Answer {
    const share = Number(parameters["share"] ?? 0.2);
    const seconds = Number(parameters["seconds"] ?? 60);
    if (!(share > 0 && share < 1)) return refused(422, "share must lie between 0 and 1");
    if (!(seconds > 0 && seconds <= 3600)) return refused(422, "seconds must lie between 0 and 3600");
    gateway.shed(share, nowMs + seconds * 1000);
    const summary = `gateway sheds ${Math.round(share * 100)} % of requests for ${seconds} s`;
    onChange({ atMs: nowMs, kind: "other", target, summary, before: {}, after: { share: String(share) }, by });
    return { kind: "accepted", will: summary };
  }

  return {
    replicasOf,
    rollOut,
    perform(request, by, nowMs) {
      const hit = replicasOf(request.target);
      if (hit.length === 0) return refused(404, `no such target ${request.target}`);
      switch (request.action) {
        case "rollback-config":
          return rollback("config", request, by, nowMs);
        case "rollback-version":
          return rollback("version", request, by, nowMs);
        case "set-knob":
          return setKnob(request, by, nowMs);
        case "shed-load":
          return shedLoad(request, by, nowMs);
        case "restart-replica": {
          const specOf = (replica: Replica): Spec => replica.spec;
          rollOut({ target: request.target, replicas: hit, specOf, kind: "restart", why: "restarted", by, nowMs });
          return { kind: "accepted", will: `restart ${hit.map((replica) => replica.name).join(", ")}` };
        }
        default:
          return refused(422, `this fleet cannot do "${request.action}"`);
      }
    },
  };
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
