// A way LLM serving breaks, as data: how to tell, what else looks like it, what to do, how to verify.
import type { EntityKind } from "./entity.ts";
import type { RequestAttribute, RequestTrouble } from "./request-attributes.ts";

/**
 * One thing that is true of an entity when (or unless) a failure mode is at work.
 * `expr` is PromQL over canonical and raw series; a non-empty result whose `entity` label names the entity means present.
 */
export interface SymptomSpec {
  readonly id: string;
  /** Sentence for the evidence; `{{value}}` is replaced by the observed value. */
  readonly says: string;
  readonly source:
    | { readonly kind: "expr"; readonly expr: string }
    | { readonly kind: "anomaly"; readonly signal: string; readonly direction: "up" | "down" | "both" }
    /** `matches`: only changes whose summary, before or after matches. */
    | {
        readonly kind: "change";
        readonly changeKinds: readonly string[];
        readonly withinMs: number;
        readonly matches?: RegExp;
      }
    /**
     * A commit between the versions of such a change touched the code that fails since: a frame's line (or one beside it), or elsewhere
     * in the file of a frame or of what a firing rule is about. Unknown without a repository, versions or a failing place.
     */
    | {
        readonly kind: "code";
        readonly changeKinds: readonly string[];
        readonly withinMs: number;
        readonly touched: "line" | "file";
      }
    /** Requests with one of the troubles are of one value of one of the attributes: where that is the judged entity's, of its own. */
    | {
        readonly kind: "requests";
        readonly attributes: readonly RequestAttribute[];
        readonly troubles: readonly RequestTrouble[];
      }
    /** Records that contain the text and, where `matches` is there, match it. */
    | { readonly kind: "log"; readonly contains: string; readonly withinMs: number; readonly matches?: RegExp };
  /** Looked for on entities of this kind that the judged one runs on, is part of, or consists of. Absent: on itself. */
  readonly on?: EntityKind;
  /** Symptoms of one family are views of one thing: together they weigh as much as the most telling of them. */
  readonly family?: string;
  /** Present only if it shows on at least this share of them; absent: on any. 0 < share <= 1. */
  readonly share?: number;
  /** How many times likelier it is seen with this mode than without, when present. > 1. */
  readonly present: number;
  /** The same when absent. <= 1; 1 = absence says nothing. */
  readonly absent: number;
}

/** Something true of look-alikes: its presence speaks against the mode. */
export interface DiscriminatorSpec extends SymptomSpec {
  /** Slug of the look-alike. */
  readonly against: string;
}

/** What a remedy can do. `none`: waiting is right. */
export const actionKinds = [
  "rollback-config",
  "rollback-version",
  "restart-replica",
  "shed-load",
  "scale-out",
  "set-knob",
  "notify",
  "none",
] as const;
export type ActionKind = (typeof actionKinds)[number];

export type Safety = "A" | "B" | "C" | "N";

export interface RemedySpec {
  readonly action: ActionKind;
  /** A = automatic inside limits, B = automatic with cap, verification and rollback, C = human approval, N = notify only. */
  readonly safety: Safety;
  /** Only when a change event triggered it. */
  readonly needsTrigger: boolean;
  /** Only where the cause lies at an entity of these kinds. Absent: anywhere. */
  readonly at?: readonly EntityKind[];
  readonly why: string;
}

/** A condition that must hold for `forMs` before a repair counts as verified. */
export interface CheckSpec {
  readonly id: string;
  readonly says: string;
  /** PromQL; `$entity` is replaced by the entity's id. Non-empty result = holds. */
  readonly expr: string;
  readonly forMs: number;
  readonly withinMs: number;
}

/** A step of the way from the cause to what users feel, for example `preemption`. */
export interface PathSpec {
  readonly step: string;
  /** Id of the symptom of this mode that shows it; absent: nothing measures it. */
  readonly symptom?: string;
}

export interface FailureMode {
  /** Slug, for example `kv-cache-saturation`. */
  readonly id: string;
  /** Catalogue number, for example `FM-01`. */
  readonly code: string;
  readonly title: string;
  readonly severity: "critical" | "warning" | "info";
  /** Kinds of entity it befalls: where it is judged, and located. */
  readonly at: readonly EntityKind[];
  /** Probability that an incident is of this mode, before any evidence. */
  readonly prior: number;
  readonly explanation: string;
  readonly symptoms: readonly SymptomSpec[];
  /** How it comes about, cause first: the steps between what broke and what users feel. */
  readonly path: readonly PathSpec[];
  readonly discriminators: readonly DiscriminatorSpec[];
  /** Slugs of modes whose signs it often brings about: seen after it, they are no other cause. */
  readonly consequences: readonly string[];
  readonly remedies: readonly RemedySpec[];
  readonly verify: readonly CheckSpec[];
  readonly prevention: string;
}
