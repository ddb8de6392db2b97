// Alertmanager's route tree and inhibition rules: who is told of an alert, in which groups, and what keeps it quiet.
import { z } from "zod";
import type { Labels } from "../../model/labels.ts";
import type { LabelMatcher } from "../../model/ports/series-source.ts";
import { type DurationMs, parseDuration } from "../../model/time.ts";
import { compileMatchers } from "../../promql/matcher.ts";
import { CLASS_LABEL } from "./alert.ts";
import { checked, formatMatchers, parseMatchers } from "./matchers.ts";
import { compileInterval, type InInterval, type TimeInterval } from "./time-intervals.ts";

const duration = z
  .string()
  .refine((text) => (parseDuration(text) ?? 0) > 0, "is not a duration above zero; write it like 30s, 5m or 4h")
  .transform((text) => parseDuration(text)!);
const names = z.array(z.string().min(1)).readonly().optional();

const RouteFields = {
  receiver: z.string().min(1).optional().describe("Default: the receiver of the route above."),
  group_by: names.describe("Labels whose values make a group; ['...'] makes every alert its own."),
  group_wait: duration.optional().describe("From a group's first alert to its first notification. Default 30s."),
  group_interval: duration.optional().describe("Least time between two notifications of a group. Default 5m."),
  repeat_interval: duration.optional().describe("When nothing changed, tell again after this. Default 4h."),
  matchers: names,
  match: z.record(z.string(), z.string()).optional(),
  match_re: z.record(z.string(), z.string()).optional(),
  continue: z.boolean().optional().describe("Also look at the routes after this one."),
  mute_time_intervals: names,
  active_time_intervals: names,
};

/** A route as in `alertmanager.yml`; `Duration` is text as written and milliseconds as read. */
interface RouteShape<Duration> {
  readonly receiver?: string | undefined;
  readonly group_by?: readonly string[] | undefined;
  readonly group_wait?: Duration | undefined;
  readonly group_interval?: Duration | undefined;
  readonly repeat_interval?: Duration | undefined;
  readonly matchers?: readonly string[] | undefined;
  readonly match?: Labels | undefined;
  readonly match_re?: Labels | undefined;
  readonly continue?: boolean | undefined;
  readonly mute_time_intervals?: readonly string[] | undefined;
  readonly active_time_intervals?: readonly string[] | undefined;
  readonly routes?: readonly RouteShape<Duration>[] | undefined;
}
export type RouteInput = RouteShape<DurationMs>;

export const RouteConfig: z.ZodType<RouteInput, RouteShape<string>> = z.strictObject({
  ...RouteFields,
  routes: z.lazy(() => z.array(RouteConfig)).optional(),
});

export const InhibitRule = z.strictObject({
  source_matchers: names,
  source_match: z.record(z.string(), z.string()).optional(),
  source_match_re: z.record(z.string(), z.string()).optional(),
  target_matchers: names,
  target_match: z.record(z.string(), z.string()).optional(),
  target_match_re: z.record(z.string(), z.string()).optional(),
  equal: names.describe("Labels both must have with the same value; a missing one is an empty one."),
});
export type InhibitRule = z.output<typeof InhibitRule>;

export interface RoutingInput {
  readonly route: RouteInput;
  readonly inhibitRules: readonly InhibitRule[];
  readonly timeIntervals: readonly TimeInterval[];
}

export interface Route {
  /** Tells routes apart, stable while the tree is. */
  readonly key: string;
  readonly receiver: string;
  /** Undefined = by all labels. */
  readonly groupBy: readonly string[] | undefined;
  readonly groupWaitMs: DurationMs;
  readonly groupIntervalMs: DurationMs;
  readonly repeatIntervalMs: DurationMs;
  readonly muteIn: readonly InInterval[];
  readonly activeIn: readonly InInterval[];
}

export interface Inhibition {
  readonly source: (labels: Labels) => boolean;
  readonly target: (labels: Labels) => boolean;
  readonly equal: readonly string[];
}

export interface Routing {
  /** Every route that takes an alert with these labels; at least one. */
  match(labels: Labels): readonly Route[];
  /** The route with this key, to find again what a restart interrupted. */
  byKey(key: string): Route | undefined;
  readonly inhibitions: readonly Inhibition[];
}

interface Node extends Route {
  readonly matches: (labels: Labels) => boolean;
  readonly goesOn: boolean;
  readonly below: readonly Node[];
}

/** Throws an error that says which route, rule or interval is wrong and how. `receivers` are the names there are. */
export function compileRouting(input: RoutingInput, receivers: readonly string[]): Routing {
  const intervals = new Map(input.timeIntervals.map((interval) => [interval.name, compileInterval(interval)]));
  const { receiver } = input.route;
  if (receiver === undefined) throw new Error("route: needs a receiver, for what no other route takes");
  if (matchersOf(input.route.matchers, input.route.match, input.route.match_re).length > 0) {
    throw new Error(
      "route: the outermost route takes everything, so it has no matchers; put them into routes below it",
    );
  }
  const outermost: Route = {
    key: "",
    receiver,
    groupBy: [],
    groupWaitMs: 30_000,
    groupIntervalMs: 300_000,
    repeatIntervalMs: 4 * 3_600_000,
    muteIn: [],
    activeIn: [],
  };
  const root = compileNode(input.route, outermost, "", { intervals, receivers });
  const routes = new Map(flat(root).map((route) => [route.key, route]));
  return {
    match: (labels) => descend(root, labels),
    byKey: (key) => routes.get(key),
    inhibitions: input.inhibitRules.map((rule) => ({
      source: compileMatchers(matchersOf(rule.source_matchers, rule.source_match, rule.source_match_re)),
      target: compileMatchers(matchersOf(rule.target_matchers, rule.target_match, rule.target_match_re)),
      equal: rule.equal ?? [],
    })),
  };
}

/** Without a tree of one's own: every receiver is told of the classes it takes, in groups by alert name, an incident alone. */
export function defaultRoute(
  receivers: readonly { readonly name: string; readonly classes: readonly string[] }[],
): RouteInput {
  return {
    receiver: receivers[0]?.name ?? "",
    group_by: ["alertname", "incident"],
    routes: receivers.map(({ name, classes }) => ({
      receiver: name,
      matchers: [`${CLASS_LABEL}=~"${classes.join("|")}"`],
      continue: true,
    })),
  };
}

interface Known {
  readonly intervals: ReadonlyMap<string, InInterval>;
  readonly receivers: readonly string[];
}

function compileNode(input: RouteInput, above: Route, place: string, known: Known): Node {
  const matchers = matchersOf(input.matchers, input.match, input.match_re);
  const key = `${above.key === "" ? "" : `${above.key}/`}${formatMatchers(matchers)}${place}`;
  const receiver = input.receiver ?? above.receiver;
  if (!known.receivers.includes(receiver)) throw new Error(`route ${key}: no receiver is called ${receiver}`);
  const interval = (name: string): InInterval => {
    const found = known.intervals.get(name);
    if (found === undefined) throw new Error(`route ${key}: no time interval is called ${name}`);
    return found;
  };
  const route: Route = {
    key,
    receiver,
    groupBy: input.group_by === undefined ? above.groupBy : input.group_by.includes("...") ? undefined : input.group_by,
    groupWaitMs: input.group_wait ?? above.groupWaitMs,
    groupIntervalMs: input.group_interval ?? above.groupIntervalMs,
    repeatIntervalMs: input.repeat_interval ?? above.repeatIntervalMs,
    // Not inherited: a route below has hours of its own.
    muteIn: (input.mute_time_intervals ?? []).map(interval),
    activeIn: (input.active_time_intervals ?? []).map(interval),
  };
  return {
    ...route,
    matches: compileMatchers(matchers),
    goesOn: input.continue ?? false,
    below: (input.routes ?? []).map((one, index) => compileNode(one, route, `#${index}`, known)),
  };
}

function flat(node: Node): readonly Node[] {
  return [node, ...node.below.flatMap(flat)];
}

/** Depth first: the routes below go before the one above, and the first that takes an alert ends it unless it goes on. */
function descend(node: Node, labels: Labels): readonly Route[] {
  if (!node.matches(labels)) return [];
  const found: Route[] = [];
  for (const below of node.below) {
    const taken = descend(below, labels);
    found.push(...taken);
    if (taken.length > 0 && !below.goesOn) break;
  }
  return found.length > 0 ? found : [node];
}

function matchersOf(
  texts: readonly string[] | undefined,
  equal: Labels | undefined,
  regex: Labels | undefined,
): readonly LabelMatcher[] {
  return [
    ...(texts ?? []).flatMap(parseMatchers),
    ...Object.entries(equal ?? {}).map(([name, value]) => ({ name, op: "=", value }) as const),
    ...Object.entries(regex ?? {}).map(([name, value]) => checked({ name, op: "=~", value })),
  ];
}
