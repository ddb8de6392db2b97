// homeostat signals: what arrives, which canonical signals it becomes, and what nobody understands yet.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { silentTelemetry } from "../../model/ports/telemetry.ts";
import { quality } from "../../model/series.ts";
import { catalogue } from "../../model/signal.ts";
import { createHead, type Head } from "../../observe/head.ts";
import { loadMappings } from "../../observe/mapping.ts";
import { parseExposition } from "../../receive/prometheus/exposition.ts";
import type { CoverageRow } from "../../show/contract.ts";
import { type Api, apiHelp, apiOptions, connectApi } from "../api-client.ts";
import { type Command, type Io, userError } from "../command.ts";
import { type LatestSignal, latestSignals } from "../latest-signals.ts";
import { pageToPoints } from "../page-to-points.ts";
import { shipped } from "../paths.ts";

/** The part of the answer that tells values. */
type Value = Pick<LatestSignal, "entity" | "signal" | "quality"> & { readonly value: number | null };

interface Report {
  readonly coverage: readonly CoverageRow[];
  readonly values: readonly Value[];
}

const pageMs = 60_000;
const rowsMax = 1_000_000;

export const signals: Command = {
  name: "signals",
  summary: "show what arrives, which canonical signals it becomes, and what is not understood",
  help: `Usage: homeostat signals [--url URL] [--token TOKEN] [--json]
       homeostat signals FILE.prom [--json]

${apiHelp}
  --json            one JSON document: { "coverage": […], "values": […] }

With a file, or - for standard input, an exposition page is looked at without a service: curl -s host:8000/metrics |
homeostat signals -. Its counters and histograms are then read as if all they hold had come within the last minute.`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...apiOptions,
        json: { type: "boolean", default: false },
      },
    });
    const [file] = positionals;
    const report = file === undefined ? await ofService(connectApi(values)) : await ofPage(file);
    if (values.json) io.out(JSON.stringify(report));
    else tell(report, io);
    return 0;
  },
};

async function ofPage(file: string): Promise<Report> {
  const page = parseExposition(await readText(file), { samplesMax: 1_000_000, labelsMax: 128, labelBytesMax: 4096 });
  if (page.samples === 0) {
    const why = page.problems[0] ?? "there is no sample in it";
    throw userError(`${file} is not a page of metrics (${why}); give what GET /metrics answers`);
  }
  const { mappings, mistakes } = await loadMappings(shipped.signals);
  if (mistakes.length > 0) throw userError("the shipped mappings have mistakes; see homeostat check");
  const at = pageMs * 2;
  const points = pageToPoints(page.families, at, pageMs);
  const head: Head = createHead(
    {
      windowMs: pageMs * 3,
      stepMs: pageMs,
      rateWindowMs: pageMs,
      latenessMs: 0,
      idleMs: pageMs,
      maxSeries: 1_000_000,
      mappings,
      pagePoints: Number.POSITIVE_INFINITY,
    },
    { reader: { metricsAfter: () => Promise.resolve(points) }, telemetry: silentTelemetry },
  );
  await head.refresh(at);
  for (const _ of head.frames(at));
  return { coverage: head.coverage(), values: latestSignals(head, at).map(finite) };
}

async function readText(file: string): Promise<string> {
  try {
    return await (file === "-" ? text(process.stdin) : readFile(file, "utf8"));
  } catch (error) {
    throw userError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function ofService(api: Api): Promise<Report> {
  const coverage = (await api.find("/api/v1/coverage")) as { readonly data?: readonly CoverageRow[] } | undefined;
  if (coverage?.data === undefined)
    throw userError("the service tells no coverage; is it a Homeostat of this version?");
  const rows = await api.list<Value>("/api/v1/signals", rowsMax);
  return {
    coverage: coverage.data,
    values: rows.map(({ entity, signal, value, quality }) => ({ entity, signal, value, quality })),
  };
}

function finite({ entity, signal, value, quality }: LatestSignal): Value {
  return { entity, signal, quality, value: Number.isFinite(value) ? value : null };
}

function tell({ coverage, values }: Report, io: Io): void {
  for (const { engine, entities, present, absent, mapped, leftOut, unmapped } of coverage) {
    if (engine === "") continue;
    const known = mapped.length + leftOut.length;
    const share = Math.round((100 * known) / Math.max(1, known + unmapped.length));
    io.out(`${engine}: ${entities} seen, ${present.length} signals, ${share} % of its metrics understood`);
    for (const { metric, signals: ids } of mapped) io.out(`  ${metric} -> ${ids.join(", ")}`);
    for (const { metric, reason } of leftOut) io.out(`  ${metric} -- ${reason}`);
    for (const metric of unmapped) io.out(`  ${metric} ?? not mapped`);
    if (absent.length > 0) io.out(`  not there: ${absent.join(", ")}`);
  }
  const others = coverage.find(({ engine }) => engine === "")?.unmapped ?? [];
  if (others.length > 0) io.out(`of no known engine: ${others.join(", ")}`);
  let entity = "";
  for (const row of values.toSorted((a, b) => (a.entity < b.entity ? -1 : a.entity > b.entity ? 1 : 0))) {
    if (row.entity !== entity) io.out(row.entity);
    entity = row.entity;
    const unit = units.get(row.signal) ?? "";
    const value = row.value === null ? "none" : `${Number(row.value.toPrecision(6))} ${unit}`.trimEnd();
    const doubts = Object.entries(quality).flatMap(([name, bit]) => ((row.quality & bit) !== 0 ? [name] : []));
    io.out(`  ${row.signal} = ${value}${doubts.length > 0 ? ` (${doubts.join(", ")})` : ""}`);
  }
  if (coverage.length === 0) io.out("nothing has arrived yet");
}

const units = new Map(catalogue.map(({ id, unit }) => [id, unit === "1" ? "" : unit]));
