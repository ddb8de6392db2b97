// homeostat rules backtest: when alerts would have fired over stored history, and for how long.
import { parseArgs } from "node:util";
import { type Backtest, backtest, type Firing, needsBefore, selectedMetrics } from "../../../detect/rules/backtest.ts";
import { formatMistake, parseRuleFile, type RuleFile } from "../../../detect/rules/rule-file.ts";
import { formatDuration, type TimeRange } from "../../../model/time.ts";
import { rangeOf } from "../../api-time.ts";
import { configOptions, type Io } from "../../command.ts";
import { openHistory } from "../../history.ts";
import { version } from "../../paths.ts";
import { configured, openConfiguredStore } from "../../store-options.ts";
import { createTelemetry } from "../../telemetry.ts";
import { readNamed, textsAt } from "./files.ts";

const intervalMs = 15_000;

export async function backtestRules(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...configOptions,
      from: { type: "string" },
      to: { type: "string" },
      data: { type: "string" },
      url: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const range = stepsOf(rangeOf(values.from, values.to, Date.now()));
  const { files, mistakes } = load(readNamed(positionals), io);
  if (files.length === 0) return 1;
  const sets = [
    ...(values.set ?? []),
    ...(values.data === undefined ? [] : [`dataDirectory=${values.data}`]),
    ...(values.url === undefined ? [] : [`store.url=${values.url}`]),
  ];
  const sources = { file: values.config, sets };
  await using telemetry = createTelemetry({ level: "error", version });
  await using store = await openConfiguredStore(sources, telemetry);
  const wanted = selectedMetrics(files);
  const whole = { from: range.from - needsBefore(files).readMs, to: range.to };
  const history = await openHistory(configured(sources), whole, wanted, { reader: store.reader, telemetry });
  const result = await backtest(files, range, { source: history.source, telemetry, intervalMs });
  if (values.json)
    io.out(JSON.stringify({ from: iso(range.from), to: iso(range.to), points: history.points, ...shown(result) }));
  else print(result, range, history.points, io);
  return mistakes || result.failures.length > 0 ? 1 : 0;
}

/** The rules that can be read; mistakes go where logs go. */
function load(paths: readonly string[], io: Io): { readonly files: readonly RuleFile[]; readonly mistakes: boolean } {
  const files: RuleFile[] = [];
  let mistakes = false;
  for (const read of paths.flatMap(textsAt)) {
    const parsed =
      "mistake" in read ? { file: undefined, mistakes: [read.mistake] } : parseRuleFile(read.name, read.text);
    for (const mistake of parsed.mistakes) io.err(formatMistake(mistake));
    mistakes ||= parsed.mistakes.length > 0;
    if (parsed.file !== undefined) files.push(parsed.file);
  }
  return { files, mistakes };
}

/** Whole intervals. */
function stepsOf({ from, to }: TimeRange): TimeRange {
  const [first, last] = [from, to].map((at) => Math.floor(at / intervalMs) * intervalMs) as [number, number];
  return { from: first, to: Math.max(last, first + 1) };
}

function print({ firings, failures, evaluations }: Backtest, range: TimeRange, points: number, io: Io): void {
  for (const firing of firings) io.out(lineOf(firing, range.to));
  for (const { rule, times, error } of failures) io.out(`${rule} could not be evaluated ${times} times: ${error}`);
  const alerts = new Set(firings.map(({ alert }) => alert)).size;
  io.out(
    `${firings.length} firings of ${alerts} alerts in ${formatDuration(range.to - range.from)} (${evaluations} evaluations over ${points} points)`,
  );
}

function lineOf({ alert, labels, annotations, firedAt, pendingAt, endedAt }: Firing, to: number): string {
  const set = Object.entries(labels).flatMap(([name, value]) => (name === "alertname" ? [] : [`${name}=${value}`]));
  const lasted = `${formatDuration((endedAt ?? to) - firedAt)}${endedAt === undefined ? " and on" : ""}`;
  const says = annotations["summary"] === undefined ? "" : `: ${annotations["summary"]}`;
  return `${iso(firedAt)} ${alert} {${set.join(", ")}} for ${lasted}, pending since ${iso(pendingAt)}${says}`;
}

function shown({ firings, failures, evaluations }: Backtest) {
  const times = firings.map(({ pendingAt, firedAt, endedAt, ...firing }) => ({
    ...firing,
    pendingAt: iso(pendingAt),
    firedAt: iso(firedAt),
    endedAt: endedAt === undefined ? null : iso(endedAt),
  }));
  return { firings: times, failures, evaluations };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
