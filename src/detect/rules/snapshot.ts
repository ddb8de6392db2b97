// What the rule engine remembers over a restart, as JSON text.
import { z } from "zod";
import type { ActiveAlert } from "./alerts.ts";
import type { SavedSeries } from "./overlay.ts";

/** JSON has no NaN and no infinity; a rule's value may be either. */
const value = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"]).transform(Number)]);

const schema = z.strictObject({
  version: z.literal(1),
  recorded: z
    .array(
      z.strictObject({
        labels: z.record(z.string(), z.string()),
        times: z.array(z.number()),
        values: z.array(z.number().nullable()),
      }),
    )
    .default([]),
  groups: z.record(z.string(), z.number()),
  rules: z.record(
    z.string(),
    z.array(
      z.strictObject({
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()),
        state: z.enum(["pending", "firing"]),
        value,
        activeAt: z.number(),
        keptSince: z.number().optional(),
      }),
    ),
  ),
});

export interface RulesState {
  readonly recorded: readonly SavedSeries[];
  /** Instant of the last evaluation of each group, by group key. */
  readonly groups: ReadonlyMap<string, number>;
  readonly rules: ReadonlyMap<string, readonly ActiveAlert[]>;
}

export function writeSnapshot({ recorded, groups, rules }: RulesState): string {
  const shown = { version: 1, recorded, groups: Object.fromEntries(groups), rules: Object.fromEntries(rules) };
  return JSON.stringify(shown, (_, each: unknown) =>
    typeof each === "number" && !Number.isFinite(each) ? String(each) : each,
  );
}

/** The state, or why the text is none: then the engine starts afresh. */
export function readSnapshot(text: string): RulesState | { readonly error: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) return { error: z.prettifyError(parsed.error) };
  const rules = Object.entries(parsed.data.rules).map(([key, alerts]): [string, ActiveAlert[]] => [
    key,
    alerts.map(({ keptSince, ...alert }) => (keptSince === undefined ? alert : { ...alert, keptSince })),
  ]);
  return { recorded: parsed.data.recorded, groups: new Map(Object.entries(parsed.data.groups)), rules: new Map(rules) };
}
