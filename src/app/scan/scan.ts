// A scan: looks at a history, plays it, and compares what was found with the alerts that fired then.

import { needsBefore } from "../../detect/rules/backtest.ts";
import { silentTelemetry } from "../../model/ports/telemetry.ts";
import { type DurationMs, formatDuration, type TimeRange } from "../../model/time.ts";
import { classifier } from "../alerting.ts";
import { userError } from "../command.ts";
import type { Config } from "../config-schema.ts";
import type { Knowledge } from "../knowledge.ts";
import { impossible } from "./gaps.ts";
import { lookAt, readingOf } from "./look.ts";
import { type OtherAlert, otherAlerts } from "./other-alerts.ts";
import { type Played, type Progress, play, windowMax } from "./play.ts";
import { reportOf, type ScanReport } from "./report.ts";
import type { ScanSource } from "./source.ts";
import { createWants } from "./wanted.ts";

export interface ScanOptions {
  readonly range: TimeRange;
  /** Undefined: by itself. */
  readonly stepMs: DurationMs | undefined;
  /** Every metric, and not those alone that thinking needs. */
  readonly all: boolean;
  /** Told before and while it is played: sentences for people. */
  readonly say: (text: string) => void;
  readonly progress: (progress: Progress) => void;
}

/** A range selector nearly as long as the memory may have lost its beginning. */
const marginMs = 5 * 60_000;

/** Rejects with a user's error where there is nothing to play, and as the source does. */
export async function scan(
  config: Config,
  knowledge: Knowledge,
  source: ScanSource,
  options: ScanOptions,
): Promise<ScanReport> {
  const { say, all } = options;
  const asked = options.range;
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    say(text);
  };

  const found = await source.metrics(asked);
  const span = `from ${iso(asked.from)} to ${iso(asked.to)}`;
  if (found.length === 0)
    throw userError(`${source.says} has no metrics ${span}; look at --from and --to, and at how long it keeps them`);
  const want = createWants(knowledge);
  const chosen = found.filter((one) => want(one) === "wanted" || (all && want(one) === "unwanted"));
  if (chosen.length === 0)
    throw userError(
      `${source.says} has ${found.length} metrics ${span}, and none that a signal or rule here reads (${some(found.map(({ metric }) => metric))}); is it the one that scrapes the engines? --all reads every metric`,
    );
  const metrics = chosen.map(({ metric }) => metric);
  const { maxSeries } = config.observe;
  const looked = await lookAt(source.chunks(metrics, maxSeries), asked);
  const { step: configuredMs } = config.observe;
  const reading = readingOf(looked, asked.to - asked.from, {
    askedMs: options.stepMs,
    stepMs: configuredMs,
    thins: source.thins,
  });
  for (const one of reading.notes) note(one);
  const range = { from: Math.floor(asked.from / reading.tickMs) * reading.tickMs, to: asked.to };
  say(
    `${metrics.length} of ${found.length} metrics, some ${looked.series} series at once; a step every ${formatDuration(reading.stepMs)}`,
  );

  const chunks = source.chunks(metrics, maxSeries, reading.thinToMs);
  const windowMs = Math.min(
    windowMax,
    Math.max(config.observe.window, needsBefore(knowledge.ruleFiles).readMs + marginMs),
  );
  const played = await play(
    config,
    { range, reading, windowMs },
    { chunks, knowledge, logs: source.logs, telemetry: silentTelemetry, progress: options.progress },
  );
  const { heard } = played;
  if (heard === undefined)
    throw userError(
      `${source.says} has no samples ${span} of the ${metrics.length} metrics that are read; look at --from and --to, and at how long it keeps them`,
    );
  for (const one of doubts(played, asked, heard, chunks.left(), maxSeries)) note(one);
  return reportOf({
    source: source.says,
    range: asked,
    stepMs: reading.stepMs,
    metrics: metrics.length,
    played,
    heard,
    others: await alertsOf(source, asked, note),
    impossible: impossible(knowledge, {
      names: new Set(found.flatMap(({ names }) => names)),
      signals: played.present,
      engines: played.engines,
      logs: source.logs !== undefined,
    }),
    classOf: classifier(config.deliver.page),
    notes,
  });
}

async function alertsOf(
  source: ScanSource,
  range: TimeRange,
  note: (text: string) => void,
): Promise<readonly OtherAlert[]> {
  try {
    const found = await otherAlerts(source.series, range);
    if (found.length === 0)
      note("no alert of other rules is on record (there is no series ALERTS), so none is compared");
    return found;
  } catch (error) {
    note(
      `the alerts that fired then cannot be read, so none is compared: ${error instanceof Error ? error.message : String(error)}`,
    );
    return [];
  }
}

/** What makes the result less than it seems. */
function doubts(
  { holes, learnedAt, present }: Played,
  asked: TimeRange,
  heard: TimeRange,
  left: number,
  maxSeries: number,
): readonly string[] {
  const length = (ms: DurationMs): string => formatDuration(Math.round(ms / 60_000) * 60_000);
  const out: string[] = [];
  const lateMs = heard.from - asked.from;
  const earlyMs = asked.to - heard.to;
  if (lateMs > missingMs)
    out.push(
      `there is nothing for the first ${length(lateMs)}: history begins at ${iso(heard.from)} (how long is it kept there?)`,
    );
  for (const hole of holes)
    out.push(`there is nothing from ${iso(hole.from)} to ${iso(hole.to)}, ${length(hole.to - hole.from)} long`);
  if (earlyMs > missingMs) out.push(`there is nothing for the last ${length(earlyMs)}: it ends at ${iso(heard.to)}`);
  if (left > 0)
    out.push(`at least ${left} series were left out: more than observe.maxSeries (${maxSeries}); raise it with --set`);
  if (present.size === 0)
    out.push(
      "no metric became a signal of an engine that is known here, so only rules were judged; homeostat signals tells why",
    );
  else if (learnedAt === undefined)
    out.push("detectors had not learned enough to judge before it ended, so only rules were; give a longer range");
  return out;
}

const missingMs = 30 * 60_000;
const someMax = 5;

function some(names: readonly string[]): string {
  return `${names.slice(0, someMax).join(", ")}${names.length > someMax ? ", …" : ""}`;
}

function iso(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16)}Z`;
}
