// Reports of static analysis that are at hand: read from files and folders again when they change, and handed in.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ReportDesk } from "../model/ports/report-desk.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { FileIndex } from "./paths.ts";
import { type Report, readReport, type StaticFinding } from "./sarif.ts";

export interface Reports extends ReportDesk {
  /** Looks at the files and folders; what cannot be read is said once and left out. */
  refresh(): Promise<void>;
  /** What is said of the files of a repository. */
  about(index: FileIndex): FindingsOf;
}

/** Of a file, nearest to the line first. */
export type FindingsOf = (file: string, line: number | undefined, limit: number) => readonly StaticFinding[];

/** Where reports that were handed in outlive a restart. */
export interface Keep {
  load(): Promise<Uint8Array | undefined>;
  save(bytes: Uint8Array): Promise<void>;
}

const filesMax = 100;
const fileBytesMax = 32 * 1024 * 1024;
const handedMax = 20;

export async function openReports(places: readonly string[], keep: Keep, telemetry: Telemetry): Promise<Reports> {
  /** By tool; the oldest is let go. */
  const handed = new Map<string, Report>();
  let files = new Map<string, { readonly stamp: string; readonly report: Report | undefined }>();
  const told = new Set<string>();

  for (const report of restored(await keep.load())) handed.set(report.tool, report);

  function tell(place: string, why: string): void {
    const text = `${place} is no SARIF report that can be read, and is left out: ${why}`;
    if (told.has(text) || told.size > 1000) return;
    told.add(text);
    telemetry.count("homeostat.code.dropped", 1, { reason: "bad-report" });
    telemetry.log.warn(text);
  }

  async function readFileAt(
    path: string,
    before: typeof files,
  ): Promise<[string, { stamp: string; report: Report | undefined }][]> {
    try {
      const { mtimeMs, size } = await stat(path);
      const stamp = `${mtimeMs} ${size}`;
      const known = before.get(path);
      if (known?.stamp === stamp) return [[path, known]];
      if (size > fileBytesMax) {
        tell(path, `it is larger than ${fileBytesMax / 1024 / 1024} MiB`);
        return [[path, { stamp, report: undefined }]];
      }
      return [[path, { stamp, report: reportIn(path, await readFile(path, "utf8")) }]];
    } catch (error) {
      tell(path, error instanceof Error ? error.message : String(error));
      return [];
    }
  }

  /** One that is none is remembered as such: it is not read again until it changes. */
  function reportIn(path: string, text: string): Report | undefined {
    try {
      const read = readReport(JSON.parse(text));
      if (read.ok) return read.report;
      tell(path, `${read.place}: ${read.reason}`);
    } catch (error) {
      tell(path, error instanceof Error ? error.message : String(error));
    }
    return undefined;
  }

  return {
    async refresh() {
      const found: string[] = [];
      for (const place of places) {
        try {
          const entries = (await stat(place)).isDirectory() ? (await readdir(place)).sort() : undefined;
          if (entries === undefined) found.push(place);
          else
            found.push(
              ...entries.filter((name) => /\.(sarif|sarif\.json)$/.test(name)).map((name) => join(place, name)),
            );
        } catch (error) {
          tell(place, error instanceof Error ? error.message : String(error));
        }
      }
      if (found.length > filesMax) tell(`${found.length - filesMax} files`, `more than ${filesMax} reports`);
      const read = [];
      for (const path of found.slice(0, filesMax)) read.push(...(await readFileAt(path, files)));
      files = new Map(read);
    },
    about(index) {
      const reports = [...handed.values(), ...[...files.values()].flatMap(({ report }) => report ?? [])];
      const findings = byFile(reports, index);
      return (file, line, limit) => {
        const distance = (one: StaticFinding): number =>
          line === undefined || one.line === undefined ? Number.MAX_SAFE_INTEGER : Math.abs(one.line - line);
        return [...(findings.get(file) ?? [])].sort((a, b) => distance(a) - distance(b)).slice(0, limit);
      };
    },
    async take(json) {
      const read = readReport(json);
      if (!read.ok) return { kind: "wrong", place: read.place, reason: read.reason };
      const { tool, findings, left } = read.report;
      handed.delete(tool);
      handed.set(tool, read.report);
      while (handed.size > handedMax) handed.delete(handed.keys().next().value!);
      await keep.save(new TextEncoder().encode(JSON.stringify([...handed.values()])));
      return { kind: "kept", tool, findings: findings.length, left };
    },
  };
}

/**
 * Paths in reports are meant relative to the repository: such a file is the one. Others are of the machine that made the report, or of
 * a folder of the repository, and are what the same path in a trace would be.
 */
function byFile(reports: readonly Report[], index: FileIndex): ReadonlyMap<string, readonly StaticFinding[]> {
  const fileOf = new Map<string, string | undefined>();
  const found = new Map<string, StaticFinding[]>();
  for (const { findings } of reports) {
    for (const one of findings) {
      if (!fileOf.has(one.file)) fileOf.set(one.file, index.has(one.file) ? one.file : index.fileOf(one.file));
      const file = fileOf.get(one.file);
      if (file === undefined) continue;
      const same = found.get(file);
      if (same === undefined) found.set(file, [one]);
      else same.push(one);
    }
  }
  return found;
}

/** Written by ourselves; whatever cannot be read is forgotten. */
function restored(bytes: Uint8Array | undefined): readonly Report[] {
  if (bytes === undefined) return [];
  try {
    const list: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(list) ? (list as Report[]).filter(({ findings }) => Array.isArray(findings)) : [];
  } catch {
    return [];
  }
}
