// How much of the error budget of each product an incident took: by the objectives whose rules the service has loaded.
import type { Labels } from "../../model/labels.ts";
import { type DurationMs, type Instant, parseDuration, type TimeRange } from "../../model/time.ts";
import type { Api } from "../api-client.ts";

export interface Budget {
  readonly slo: string;
  /** What the objective is promised to, as its labels name it: `service shop`, `tenant acme, model m`. */
  readonly product: string;
  readonly labels: Labels;
  /**
   * Minutes of error budget lost while it was open: those in which everything would have had to fail, at the traffic around the
   * incident, for as many bad events.
   */
  readonly badMinutes: number;
  /** Minutes the whole budget has, and the share of it that was lost; absent where the rules do not say what is promised. */
  readonly budgetMinutes?: number;
  readonly lostShare?: number;
}

export interface Budgets {
  readonly budgets: readonly Budget[];
  /** Why there are none, or fewer than there should be, as sentences. */
  readonly missing: readonly string[];
}

interface Objective {
  readonly slo: string;
  readonly bad: string;
  readonly total: string;
  /** Share of events that may be bad, and over which time. */
  readonly budget?: { readonly share: number; readonly windowMs: DurationMs };
}

const minuteMs = 60_000;
/** Rates look back five minutes: what failed last is in them so much longer. */
const tailMs = 5 * minuteMs;
/** Traffic as it was before counts too: while all is down nothing may ask. */
const beforeMs = 60 * minuteMs;
const pointsMax = 10_000;
const coveredMin = 0.8;

/** Labels by which a product is told, in this order. */
const productLabels: Readonly<Record<string, string>> = {
  tenant: "tenant",
  application: "application",
  app: "application",
  service_name: "service",
  service: "service",
  gen_ai_request_model: "model",
  model_name: "model",
};

/**
 * Reads what rules made of objectives recorded (in the service's memory, for three days or so); of earlier incidents the
 * expressions of those rules over stored metrics. Blind to: events in the five minutes before and after, which count in
 * part; objectives over series made of spans, once they have left the memory.
 */
export async function budgetsOf(api: Api, open: TimeRange, now: Instant): Promise<Budgets> {
  const objectives = await objectivesOf(api);
  if (objectives === undefined) return { budgets: [], missing: ["the service does not tell its rules"] };
  if (objectives.length === 0)
    return { budgets: [], missing: ["no objective is configured: see homeostat rules slo, and the rule pack slo"] };
  const budgets: Budget[] = [];
  const missing: string[] = [];
  for (const objective of objectives) {
    const recorded = await lost(api, objective, open, now, true);
    // A service that was down meanwhile recorded a part only.
    const found =
      recorded.covered >= coveredMin ? recorded : fuller(recorded, await lost(api, objective, open, now, false));
    budgets.push(...found.budgets);
    if (found.covered === 0) missing.push(`nothing is on record of ${objective.slo} in this time`);
    else if (found.covered < coveredMin)
      missing.push(`of ${objective.slo} only ${Math.round(100 * found.covered)} % of the time is on record`);
  }
  return { budgets: budgets.toSorted((a, b) => b.badMinutes - a.badMinutes), missing };
}

/** One line for people: how much of what was lost by whom. */
export function budgetText({ slo, product, badMinutes, budgetMinutes, lostShare }: Budget): string {
  const of =
    budgetMinutes === undefined || lostShare === undefined
      ? ""
      : ` of ${number(budgetMinutes)} (${number(100 * lostShare)} % of the budget)`;
  return `${product} lost ${number(badMinutes)} minutes${of} of ${slo}`;
}

interface Lost {
  readonly budgets: readonly Budget[];
  /** Share of the time that has points. */
  readonly covered: number;
}

function fuller(one: Lost, other: Lost): Lost {
  return other.covered > one.covered ? other : one;
}

/** Of each product. `recorded`: read what rules recorded rather than work it out again. */
async function lost(
  api: Api,
  objective: Objective,
  { from, to }: TimeRange,
  now: Instant,
  recorded: boolean,
): Promise<Lost> {
  const { slo, budget } = objective;
  const name = (part: "bad" | "total"): string =>
    recorded ? `slo:${part}:rate5m{slo=${JSON.stringify(slo)}}` : objective[part];
  const end = Math.max(from + minuteMs, Math.min(to + tailMs, now));
  const [bad, total] = [
    await series(api, name("bad"), { from, to: end }),
    await series(api, name("total"), { from: from - beforeMs, to: end }),
  ];
  const totals = new Map(total.map((one) => [one.key, one]));
  const steps = bad.map(({ count, stepMs }) => count / Math.max(1, Math.floor((end - from) / stepMs)));
  const covered = Math.min(1, Math.max(0, ...steps));
  const budgets = bad.flatMap(({ key, labels, sum, stepMs }) => {
    const all = totals.get(key);
    const rate = all === undefined ? 0 : all.sum / all.count;
    if (!(rate > 0)) return [];
    const badMinutes = ((sum / rate) * stepMs) / minuteMs;
    const product = { slo, product: productOf(labels), labels, badMinutes };
    if (budget === undefined) return [product];
    const budgetMinutes = (budget.share * budget.windowMs) / minuteMs;
    return [{ ...product, budgetMinutes, lostShare: badMinutes / budgetMinutes }];
  });
  return { budgets, covered };
}

interface Summed {
  /** Of the labels. */
  readonly key: string;
  readonly labels: Labels;
  readonly sum: number;
  readonly count: number;
  readonly stepMs: DurationMs;
}

/** Sums over a range, a minute a step, or longer where that would be too many. A service that does not answer gives none. */
async function series(api: Api, query: string, { from, to }: TimeRange): Promise<readonly Summed[]> {
  const stepMs = Math.max(1, Math.ceil((to - from) / minuteMs / pointsMax)) * minuteMs;
  const asked = new URLSearchParams({
    ...{ query, start: String(from / 1000), end: String(to / 1000), step: String(stepMs / 1000) },
  });
  const answer = (await api.find(`/api/v1/query_range?${asked}`).catch(() => undefined)) as Matrix | undefined;
  const found = answer?.data?.resultType === "matrix" ? (answer.data.result ?? []) : [];
  return found.map(({ metric, values }) => {
    const labels = Object.fromEntries(Object.entries(metric).filter(([name]) => name !== "slo" && name !== "__name__"));
    const numbers = values.map(([, text]) => Number(text)).filter(Number.isFinite);
    const key = JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    return {
      key,
      labels,
      stepMs,
      sum: numbers.reduce((sum, value) => sum + value, 0),
      count: Math.max(1, numbers.length),
    };
  });
}

/** Of the rules that `homeostat rules slo` writes, as the service lists them; undefined if it does not. */
async function objectivesOf(api: Api): Promise<readonly Objective[] | undefined> {
  const answer = (await api.find("/api/v1/rules?type=record").catch(() => undefined)) as Rules | undefined;
  if (answer?.data?.groups === undefined) return undefined;
  const bySlo = new Map<string, Map<string, string>>();
  for (const { name, query, labels } of answer.data.groups.flatMap(({ rules }) => rules)) {
    const slo = labels?.["slo"];
    if (slo === undefined || !name.startsWith("slo:")) continue;
    bySlo.set(slo, (bySlo.get(slo) ?? new Map<string, string>()).set(name, query));
  }
  return [...bySlo].flatMap(([slo, rules]) => {
    const [bad, total] = [rules.get("slo:bad:rate5m"), rules.get("slo:total:rate5m")];
    if (bad === undefined || total === undefined) return [];
    const budget = promiseOf(rules.get("slo:error_budget_remaining:ratio") ?? "");
    return [{ slo, bad, total, ...(budget === undefined ? {} : { budget }) }];
  });
}

/** `… [30d] … / 0.001`: the window and the share that may be bad, as the generator writes them. */
function promiseOf(query: string): Objective["budget"] {
  const windowMs = parseDuration(/\[(\w+)\]/.exec(query)?.[1] ?? "");
  const share = Number(/\/\s*([\d.e-]+)\s*$/.exec(query)?.[1]);
  return windowMs !== undefined && windowMs > 0 && share > 0 && share < 1 ? { share, windowMs } : undefined;
}

function productOf(labels: Labels): string {
  const known = Object.entries(productLabels).flatMap(([label, name]) =>
    labels[label] === undefined ? [] : [`${name} ${labels[label]}`],
  );
  const others = Object.entries(labels).flatMap(([label, value]) =>
    label in productLabels ? [] : [`${label} ${value}`],
  );
  return [...known, ...others].join(", ") || "everybody";
}

function number(value: number): string {
  return value < 0.05 ? "0" : value < 10 ? value.toFixed(1) : String(Math.round(value));
}

interface Matrix {
  readonly data?: {
    readonly resultType?: string;
    readonly result?: readonly {
      readonly metric: Labels;
      readonly values: readonly (readonly [number, string])[];
    }[];
  };
}

interface Rules {
  readonly data?: {
    readonly groups?: readonly {
      readonly rules: readonly { readonly name: string; readonly query: string; readonly labels?: Labels }[];
    }[];
  };
}
