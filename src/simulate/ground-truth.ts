// What really is wrong in a scenario, and which repairs help or harm: what answers are judged by.
import { z } from "zod";
import { Duration } from "./durations.ts";
import { knownObject } from "./known-object.ts";

/** Repairs a scenario may name. `scale_out` is a `scale` upwards, `restart_all` a restart of everything at once. */
export const actionNames = [
  "restart_replica",
  "restart_all",
  "rollback",
  "drain_node",
  "scale",
  "scale_out",
  "set_knob",
  "flush_cache",
  "shed",
  "reset_retry_budget",
  "repair_data",
  "notify",
  "noop",
] as const;

const ActionName = z.enum(actionNames, { error: `must be one of ${actionNames.join(", ")}` });

const Acceptable = z.union(
  [
    ActionName.transform((action) => ({ action })),
    z.strictObject({
      action: ActionName,
      /** As targets of faults are written. */
      target: z.string().min(1).optional(),
      /** Time until it has helped. */
      within: Duration.optional(),
    }),
  ],
  { error: `must be one of ${actionNames.join(", ")}, or { action, target, within }` },
);

const Bound = z.union([z.number(), z.string().regex(/^\d+(\.\d+)?x_baseline$/)], {
  error: "must be a number, or a multiple of what it was before, such as 1.2x_baseline",
});

const Recovery = knownObject(
  {
    metric: z.string({ error: "must name what recovers, such as ttft_p95" }).min(1),
    below: Bound.optional(),
    above: Bound.optional(),
    within: Duration,
  },
  "a key of recovery",
).refine((recovery) => recovery.below !== undefined || recovery.above !== undefined, {
  error: "needs below, or above: where the metric has to come back to",
});

export const GroundTruth = knownObject(
  {
    mode: z
      .string({ error: "must be a code of the catalogue such as FM-01, or NONE" })
      .regex(/^(FM-\d{2}[a-z]?|NONE)$/, { error: "must be a code of the catalogue such as FM-01, or NONE" }),
    onset: Duration.nullable().default(null),
    root: knownObject(
      {
        component: z.string().min(1).nullable().default(null),
        /** Id of the fault or kind of the change that began it. */
        change: z.string().min(1).nullable().default(null),
      },
      "a key of root",
    ).prefault({}),
    causal_path: z.array(z.string().min(1)).max(20).default([]),
    acceptable_actions: z.array(Acceptable).max(20).default([]),
    harmful_actions: z.array(ActionName).max(20).default([]),
    recovery: Recovery.nullable().default(null),
  },
  "a key of ground_truth",
);

export interface GroundTruth {
  /** `FM-01`, or `NONE`. */
  readonly mode: string;
  /** Virtual milliseconds from the start. */
  readonly onset: number | null;
  readonly root: { readonly component: string | null; readonly change: string | null };
  readonly causal_path: readonly string[];
  readonly acceptable_actions: readonly {
    readonly action: (typeof actionNames)[number];
    readonly target?: string | undefined;
    /** Milliseconds. */
    readonly within?: number | undefined;
  }[];
  readonly harmful_actions: readonly (typeof actionNames)[number][];
  readonly recovery: {
    readonly metric: string;
    readonly below?: number | string | undefined;
    readonly above?: number | string | undefined;
    /** Milliseconds. */
    readonly within: number;
  } | null;
}
