// homeostat scan: what it would have told over somebody's existing history, without touching anything there.
import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { silentTelemetry } from "../../model/ports/telemetry.ts";
import { type DurationMs, formatDuration, parseDuration, type TimeRange } from "../../model/time.ts";
import { isStoreError } from "../../store/errors.ts";
import { rangeOf } from "../api-time.ts";
import { type Command, configHelp, configOptions, type Io, usageError, userError } from "../command.ts";
import { formatMistakes } from "../config.ts";
import type { Config } from "../config-schema.ts";
import { type Knowledge, loadKnowledge } from "../knowledge.ts";
import type { Progress } from "../scan/play.ts";
import { linesOf } from "../scan/print.ts";
import type { ScanReport } from "../scan/report.ts";
import { scan as scanHistory } from "../scan/scan.ts";
import { openClickHouse, openPrometheus, type ScanSource } from "../scan/source.ts";
import { secretIn } from "../secret-file.ts";
import { configured } from "../store-options.ts";

export const scan: Command = {
  name: "scan",
  summary: "tell what it would have told over the history you have already",
  help: `Usage: homeostat scan --prometheus URL [--from -14d] [OPTIONS]
       homeostat scan --clickhouse URL [--from -14d] [OPTIONS]

Reads history that is there already, and writes nothing to where it is. Plays it through the live service's own rules, detectors and
diagnosis, in its own time, and prints the incidents it would have opened with their evidence, which of the alerts that fired then each
explains, how many pages and tickets it would have sent, and which failure modes could not be diagnosed for want of which signal.

  --prometheus URL  a Prometheus or what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics, Homeostat); asked by GET only
  --clickhouse URL  a ClickHouse with the tables of OpenTelemetry's exporter (otel_metrics_*, otel_logs)
  --database NAME   its database (default otel)
  --from TIME       how long ago, -14d, or an instant, 2026-11-24T08:00:00Z (default -14d)
  --to TIME         the same; now is now (default)
  --step DURATION   event time between two looks at every signal: 15s, or auto: as configured, coarser where samples are further apart or
                    series too many, which is said (default auto)
  --all             every metric; otherwise those that signals, rules and failure modes need
  --token TOKEN, --token-file FILE                   bearer token
  --user NAME, --password WORD, --password-file FILE user and password (basic authorization)
                    "-" as FILE is standard input
  --directory DIR   writes report.json and report.txt there, and nothing anywhere else; without it nothing is written at all
${configHelp}
  --json            one JSON document

Progress goes to standard error. Exit code 0 when it ran, whatever it found.

Example: homeostat scan --prometheus http://prometheus:9090 --from -14d --directory scan`,
  async run(args, io) {
    const { values } = parseArgs({
      args: joined(args),
      options: {
        ...configOptions,
        prometheus: { type: "string" },
        clickhouse: { type: "string" },
        database: { type: "string", default: "otel" },
        from: { type: "string", default: "-14d" },
        to: { type: "string", default: "now" },
        step: { type: "string", default: "auto" },
        all: { type: "boolean", default: false },
        token: { type: "string" },
        "token-file": { type: "string" },
        user: { type: "string" },
        password: { type: "string" },
        "password-file": { type: "string" },
        directory: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const now = Date.now();
    const asked = rangeOf(values.from, values.to, now);
    const range = { from: asked.from, to: Math.min(now, asked.to) };
    if (range.from >= range.to) throw usageError("--from must be before now");
    const stepMs = stepOf(values.step);
    const config = configured({ file: values.config, sets: values.set ?? [] });
    const knowledge = loadKnowledge(config);
    if (knowledge.mistakes.length > 0)
      throw userError(`the rules have mistakes, so nothing was scanned:\n${formatMistakes(knowledge.mistakes)}`);
    if (values.directory !== undefined) makeOwn(values.directory);
    const say = (text: string): void => io.err(`scan: ${text}`);
    try {
      await using source = await open(values, config, knowledge);
      say(`${source.says}, ${formatDuration(range.to - range.from)} of it`);
      const progress = telling(range, say);
      const report = await scanHistory(config, knowledge, source, { range, stepMs, all: values.all, say, progress });
      if (values.directory !== undefined) write(values.directory, report, io);
      if (values.json) io.out(JSON.stringify(report));
      else for (const line of linesOf(report)) io.out(line);
      return 0;
    } catch (error) {
      throw isStoreError(error) ? userError(`${error.message}${advice(error.message)}`) : error;
    }
  },
};

interface Access {
  readonly prometheus?: string | undefined;
  readonly clickhouse?: string | undefined;
  readonly database: string;
  readonly token?: string | undefined;
  readonly "token-file"?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly "password-file"?: string | undefined;
}

async function open(values: Access, config: Config, { mappings }: Knowledge): Promise<ScanSource> {
  const { prometheus, clickhouse } = values;
  if ((prometheus === undefined) === (clickhouse === undefined))
    throw usageError("say where to read: --prometheus URL or --clickhouse URL, one of them");
  const url = urlOf(prometheus === undefined ? "--clickhouse" : "--prometheus", prometheus ?? clickhouse ?? "");
  const user = values.user ?? (decodeURIComponent(url.username) || undefined);
  const said = values.password ?? (decodeURIComponent(url.password) || undefined);
  const password = values["password-file"] === undefined ? said : secretIn("--password-file", values["password-file"]);
  const token = values["token-file"] === undefined ? values.token : secretIn("--token-file", values["token-file"]);
  if (token !== undefined && user !== undefined) throw usageError("--token and --user exclude one another");
  url.username = "";
  url.password = "";
  const address = url.href.replace(/\/+$/, "");
  if (prometheus !== undefined) {
    const basic =
      user === undefined ? undefined : `Basic ${Buffer.from(`${user}:${password ?? ""}`).toString("base64")}`;
    const authorization = token === undefined ? basic : `Bearer ${token}`;
    return openPrometheus({ url: address, ...(authorization === undefined ? {} : { authorization }) }, silentTelemetry);
  }
  if (token !== undefined) throw usageError("a ClickHouse takes --user and --password, not a token");
  const { step, rateWindow } = config.observe;
  return await openClickHouse(
    {
      url: address,
      database: values.database,
      ...(user === undefined ? {} : { username: user }),
      ...(password === undefined ? {} : { password }),
    },
    { stepMs: step, rateWindowMs: rateWindow, mappings },
    { telemetry: silentTelemetry, now: Date.now },
  );
}

function urlOf(option: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw usageError(`${option}: ${JSON.stringify(text)} is no address; write it like http://prometheus:9090`);
  return url;
}

/** `--from -14d` as people write it: a value that begins with a dash belongs to the option before it. */
function joined(args: readonly string[]): string[] {
  const out: string[] = [];
  for (const arg of args) {
    const before = out.at(-1);
    if ((before === "--from" || before === "--to") && /^-\d/.test(arg)) out[out.length - 1] = `${before}=${arg}`;
    else out.push(arg);
  }
  return out;
}

function stepOf(text: string): DurationMs | undefined {
  if (text === "auto") return undefined;
  const step = parseDuration(text);
  if (step === undefined || step < 1000 || step > 3_600_000)
    throw usageError(`--step: ${JSON.stringify(text)} is no step; write 15s (from 1s to 1h), or auto`);
  return step;
}

const ownFiles: ReadonlySet<string> = new Set(["report.json", "report.txt", "report.json.new", "report.txt.new"]);

/** Refuses a folder that holds anything but an earlier report, so that nothing of anybody's is overwritten. */
function makeOwn(directory: string): void {
  const other = entriesOf(directory).find((name) => !ownFiles.has(name));
  if (other !== undefined)
    throw userError(`--directory: ${directory} holds ${other}, which no scan wrote; give an empty or a new folder`);
}

/** Of the folder, which is made if there is none. */
function entriesOf(directory: string): readonly string[] {
  try {
    mkdirSync(directory, { recursive: true });
    return readdirSync(directory);
  } catch (error) {
    throw userError(
      `--directory: ${directory} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function write(directory: string, report: ScanReport, io: Io): void {
  const files = { "report.json": `${JSON.stringify(report)}\n`, "report.txt": `${linesOf(report).join("\n")}\n` };
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    io.err(`scan: wrote ${path}`);
  }
}

const toldEveryMs = 5000;

/** Says how far it is, not more often than every few seconds. */
function telling(range: TimeRange, say: (text: string) => void): (progress: Progress) => void {
  const begun = performance.now();
  let toldAt = begun;
  return ({ at, points, incidents }) => {
    const now = performance.now();
    if (now - toldAt < toldEveryMs) return;
    toldAt = now;
    const share = (at - range.from) / (range.to - range.from);
    const leftMs = Math.round((((now - begun) / share) * (1 - share)) / 60_000) * 60_000;
    const left = leftMs < 60_000 ? "less than a minute" : formatDuration(leftMs);
    say(
      `${Math.round(100 * share)} %, at ${new Date(at).toISOString().slice(0, 16)}Z: ${points.toLocaleString("en")} points, ` +
        `${incidents} incidents, some ${left} to go`,
    );
  };
}

function advice(message: string): string {
  if (/status 401|status 403|AUTHENTICATION|Authentication failed/i.test(message))
    return " It wants to know who asks: give --token-file FILE, or --user NAME and --password-file FILE.";
  if (/not an answer of Prometheus/.test(message))
    return "; give the address before /api/v1, for example http://prometheus:9090 (Mimir: …/prometheus).";
  return "";
}
