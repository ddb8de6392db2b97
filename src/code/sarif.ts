// Reports of static analysis in SARIF 2.1.0 (OASIS): what they say of which line of which file, bounded.
import { z } from "zod";
import { oneLine } from "../model/one-line.ts";

export interface StaticFinding {
  readonly tool: string;
  readonly rule: string;
  /** `error`, `warning`, `note`. */
  readonly level: string;
  readonly message: string;
  /** As the report has it: relative to the repository. */
  readonly file: string;
  readonly line: number | undefined;
}

export interface Report {
  readonly tool: string;
  readonly findings: readonly StaticFinding[];
  /** Results that are about no file, or beyond the limit. */
  readonly left: number;
}

export type ReadReport =
  | { readonly ok: true; readonly report: Report }
  | { readonly ok: false; readonly place: string; readonly reason: string };

const findingsMax = 5000;
const messageMax = 300;
const nameMax = 200;

const Location = z.object({
  physicalLocation: z
    .object({
      artifactLocation: z.object({ uri: z.string().optional() }).optional(),
      region: z.object({ startLine: z.number().optional() }).optional(),
    })
    .optional(),
});
const Result = z.object({
  ruleId: z.string().optional(),
  level: z.string().optional(),
  message: z.object({ text: z.string().optional(), markdown: z.string().optional() }).optional(),
  locations: z.array(Location).optional(),
});
const Log = z.object({
  version: z.string(),
  runs: z.array(
    z.object({
      tool: z.object({ driver: z.object({ name: z.string() }) }),
      // Each is read alone: one that is wrong does not spoil the others.
      results: z.array(z.unknown()).nullish(),
    }),
  ),
});

export function readReport(json: unknown): ReadReport {
  const parsed = Log.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return { ok: false, place: path.map(String).join(".").slice(0, nameMax) || "body", reason: message };
  }
  const { version, runs } = parsed.data;
  if (!version.startsWith("2.")) return { ok: false, place: "version", reason: "is not 2.1.0" };
  if (runs.length === 0) return { ok: false, place: "runs", reason: "is empty; there is nothing in the report" };
  const findings: StaticFinding[] = [];
  let left = 0;
  const tools = new Set<string>();
  for (const { tool, results } of runs) {
    const name = oneLine(tool.driver.name, nameMax);
    tools.add(name);
    for (const one of results ?? []) {
      const finding = findings.length < findingsMax ? findingOf(one, name) : undefined;
      if (finding === undefined) left++;
      else findings.push(finding);
    }
  }
  return { ok: true, report: { tool: oneLine([...tools].join(", "), nameMax), findings, left } };
}

function findingOf(json: unknown, tool: string): StaticFinding | undefined {
  const parsed = Result.safeParse(json);
  if (!parsed.success) return undefined;
  const { ruleId, level, message, locations } = parsed.data;
  const place = locations?.[0]?.physicalLocation;
  const file = pathOf(place?.artifactLocation?.uri ?? "");
  if (file === "") return undefined;
  const start = place?.region?.startLine;
  return {
    tool,
    rule: oneLine(ruleId ?? "", nameMax),
    level: oneLine(level ?? "warning", 20),
    message: oneLine(message?.text ?? message?.markdown ?? "", messageMax),
    file,
    line: start !== undefined && Number.isSafeInteger(start) && start > 0 ? start : undefined,
  };
}

/** `file:///src/a%20b.py`, `./a.py` -> a path. */
function pathOf(uri: string): string {
  try {
    return oneLine(decodeURIComponent(uri.replace(/^file:\/\/(?:localhost)?/, "")), 1000).replace(/^\.\//, "");
  } catch {
    return "";
  }
}
