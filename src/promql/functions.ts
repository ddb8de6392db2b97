// Which functions PromQL has, what they take, and which of them are refused and why.

/** `matrix` is a range vector. */
export type ValueType = "scalar" | "vector" | "matrix" | "string";

export interface Signature {
  readonly args: readonly ValueType[];
  /** How many of `args`, from the end, may be left out; "repeat" = the last may come any number of times, or never. */
  readonly optional: number | "repeat";
  readonly returns: ValueType;
}

const vector: Signature = { args: ["vector"], optional: 0, returns: "vector" };
const matrix: Signature = { args: ["matrix"], optional: 0, returns: "vector" };
const constant: Signature = { args: [], optional: 0, returns: "scalar" };
const date: Signature = { args: ["vector"], optional: 1, returns: "vector" };
const bounded: Signature = { args: ["vector", "scalar"], optional: 0, returns: "vector" };

const table = {
  abs: vector,
  absent: vector,
  absent_over_time: matrix,
  acos: vector,
  acosh: vector,
  asin: vector,
  asinh: vector,
  atan: vector,
  atanh: vector,
  avg_over_time: matrix,
  ceil: vector,
  changes: matrix,
  clamp: { args: ["vector", "scalar", "scalar"], optional: 0, returns: "vector" },
  clamp_max: bounded,
  clamp_min: bounded,
  cos: vector,
  cosh: vector,
  count_over_time: matrix,
  day_of_month: date,
  day_of_week: date,
  day_of_year: date,
  days_in_month: date,
  deg: vector,
  delta: matrix,
  deriv: matrix,
  exp: vector,
  floor: vector,
  histogram_fraction: { args: ["scalar", "scalar", "vector"], optional: 0, returns: "vector" },
  histogram_quantile: { args: ["scalar", "vector"], optional: 0, returns: "vector" },
  hour: date,
  idelta: matrix,
  increase: matrix,
  irate: matrix,
  label_join: { args: ["vector", "string", "string", "string"], optional: "repeat", returns: "vector" },
  label_replace: { args: ["vector", "string", "string", "string", "string"], optional: 0, returns: "vector" },
  last_over_time: matrix,
  ln: vector,
  log10: vector,
  log2: vector,
  max_over_time: matrix,
  min_over_time: matrix,
  minute: date,
  month: date,
  pi: constant,
  predict_linear: { args: ["matrix", "scalar"], optional: 0, returns: "vector" },
  present_over_time: matrix,
  quantile_over_time: { args: ["scalar", "matrix"], optional: 0, returns: "vector" },
  rad: vector,
  rate: matrix,
  resets: matrix,
  round: { args: ["vector", "scalar"], optional: 1, returns: "vector" },
  scalar: { args: ["vector"], optional: 0, returns: "scalar" },
  sgn: vector,
  sin: vector,
  sinh: vector,
  sort: vector,
  sort_desc: vector,
  sqrt: vector,
  stddev_over_time: matrix,
  stdvar_over_time: matrix,
  sum_over_time: matrix,
  tan: vector,
  tanh: vector,
  time: constant,
  timestamp: vector,
  vector: { args: ["scalar"], optional: 0, returns: "vector" },
  year: date,
} as const satisfies Record<string, Signature>;

export type FunctionName = keyof typeof table;

export const functions: Readonly<Record<FunctionName, Signature>> = table;

export function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(table, name);
}

const experimental =
  "it is experimental in Prometheus (behind --enable-feature=promql-experimental-functions), so its meaning may still change";
const native =
  "it works on native histograms only, which are not supported here; use the classic _bucket, _sum and _count series";

/** Functions and aggregations that exist in Prometheus and are not evaluated here, with the reason. */
const refused: Readonly<Record<string, string>> = {
  double_exponential_smoothing: experimental,
  holt_winters: `Prometheus 3 renamed it to double_exponential_smoothing, and ${experimental}`,
  end: experimental,
  first_over_time: experimental,
  histogram_avg: native,
  histogram_count: native,
  histogram_quantiles: experimental,
  histogram_stddev: native,
  histogram_stdvar: native,
  histogram_sum: native,
  info: experimental,
  integral: experimental,
  limit_ratio: experimental,
  limitk: experimental,
  mad_over_time: experimental,
  max_of: experimental,
  min_of: experimental,
  range: experimental,
  sort_by_label: experimental,
  sort_by_label_desc: experimental,
  start: experimental,
  start_timestamp: experimental,
  step: experimental,
  ts_of_first_over_time: experimental,
  ts_of_last_over_time: experimental,
  ts_of_max_over_time: experimental,
  ts_of_min_over_time: experimental,
};

/** Why a function that Prometheus knows is refused; undefined for one it does not know, or that is supported. */
export function whyRefused(name: string): string | undefined {
  return Object.hasOwn(refused, name) ? refused[name] : undefined;
}
