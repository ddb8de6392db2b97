// What of policies and windows contradicts itself: settings that are allowed one by one, and together mean something nobody can want.
import { evidenceKinds } from "../model/evidence.ts";
import type { Policy } from "./policy.ts";
import type { Once, Weekly } from "./windows.ts";

export interface Contradiction {
  /** From `policies` or `windows` on. */
  readonly path: readonly (string | number)[];
  readonly says: string;
}

/** Policies and windows as they are written. */
export interface Written {
  readonly policies: readonly Pick<
    Policy,
    | "action"
    | "target"
    | "failureMode"
    | "mode"
    | "minProbability"
    | "minEvidence"
    | "onlyIn"
    | "approval"
    | "blastRadius"
  >[];
  readonly windows: readonly {
    readonly id: string;
    readonly kind: "freeze" | "maintenance";
    readonly when: Partial<Once> | Weekly;
  }[];
}

const weekMs = 7 * 86_400_000;

/** `approvers`: how many different people may approve; undefined: not known. */
export function contradictions(
  { policies, windows }: Written,
  approvers: number | undefined,
): readonly Contradiction[] {
  return [
    ...policies.flatMap((policy, i) => [
      ...ofPolicy(policy, approvers, windows).map(({ path, says }) => ({ path: ["policies", i, ...path], says })),
      ...shadowed(policy, policies.slice(0, i)).map((says) => ({ path: ["policies", i], says })),
    ]),
    ...windows.flatMap((window, i) => ofWindow(window, windows.slice(0, i), ["windows", i])),
  ];
}

function ofPolicy(
  policy: Written["policies"][number],
  approvers: number | undefined,
  windows: Written["windows"],
): readonly Contradiction[] {
  const { mode, approval, blastRadius = {}, onlyIn } = policy;
  const found: Contradiction[] = [];
  const tell = (path: string, says: string): void => void found.push({ path: path.split("."), says });
  if (mode === "observe" || mode === "propose") return [];
  for (const limit of ["maxConcurrent", "maxPerHour", "maxPerNode", "maxPerZone"] as const)
    if (blastRadius[limit] === 0) tell(`blastRadius.${limit}`, `is 0, so mode ${mode} never acts; say mode: observe`);
  if ((blastRadius.minHealthy?.percent ?? 0) >= 100)
    tell(
      "blastRadius.minHealthy.percent",
      `is ${blastRadius.minHealthy!.percent}, which no deployment has without the repaired one`,
    );
  if (policy.minProbability >= 1) tell("minProbability", `is ${policy.minProbability}, which no diagnosis reaches`);
  if (policy.minEvidence > evidenceKinds.length)
    tell("minEvidence", `is ${policy.minEvidence}, but there are ${evidenceKinds.length} kinds of evidence`);
  if (mode === "approve" && approval.ttl === 0) tell("approval.ttl", "is 0, so nobody can approve in time");
  if (approvers !== undefined && approval.quorum > approvers)
    tell(
      "approval.quorum",
      `is ${approval.quorum}, but ${approvers} of show.tokens may approve; name more, or lower it`,
    );
  for (const id of onlyIn) {
    const window = windows.find((one) => one.id === id);
    if (window === undefined) tell("onlyIn", `names ${id}, but there is no such window in act.windows`);
    else if (window.kind === "freeze") tell("onlyIn", `names ${id}, which is a freeze: nothing runs in it`);
  }
  return found;
}

function shadowed(policy: Written["policies"][number], before: Written["policies"]): readonly string[] {
  const by = before.findIndex(
    (earlier) =>
      covers(earlier.action, policy.action) &&
      covers(earlier.target, policy.target) &&
      covers(earlier.failureMode, policy.failureMode),
  );
  return by < 0 ? [] : [`never applies: act.policies.${by} matches all that it matches, and stands before it`];
}

/** Whether all that `narrow` matches is matched by `wide`. */
function covers(wide: string, narrow: string): boolean {
  if (!wide.endsWith("*")) return wide === narrow;
  const prefix = wide.slice(0, -1);
  return narrow.endsWith("*") ? narrow.slice(0, -1).startsWith(prefix) : narrow.startsWith(prefix);
}

function ofWindow(
  { id, kind, when }: Written["windows"][number],
  before: Written["windows"],
  path: readonly (string | number)[],
): readonly Contradiction[] {
  const found: Contradiction[] = [];
  if (before.some((one) => one.id === id))
    found.push({ path: [...path, "id"], says: `${id} is the name of two windows` });
  if ("days" in when) {
    if (when.lasts === 0) found.push({ path: [...path, "lasts"], says: "is 0, so the window never opens" });
    if (kind === "freeze" && coversWeek(when))
      found.push({ path: [...path, "lasts"], says: "leaves no time between one and the next: the freeze never ends" });
    return found;
  }
  const { from, to } = when;
  if (to === undefined && kind === "freeze")
    found.push({
      path,
      says: "has no to: the freeze never ends; give an end, or throw the kill switch (act.killSwitch)",
    });
  if (from !== undefined && to !== undefined && to <= from)
    found.push({ path: [...path, "to"], says: "is not after from, so the window never opens" });
  return found;
}

function coversWeek({ days, lasts }: Weekly): boolean {
  const sorted = [...new Set(days)].sort((a, b) => a - b);
  const gaps = sorted.map((day, i) => ((sorted[(i + 1) % sorted.length]! - day + 7) % 7 || 7) * (weekMs / 7));
  return gaps.every((gap) => lasts >= gap);
}
