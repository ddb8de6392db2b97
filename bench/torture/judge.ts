// Compares what clients were promised with what is stored.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Signal } from "./requests.ts";
import type { Ledger } from "./senders.ts";

/** What is stored of a request. */
export interface Found {
  readonly signal: Signal;
  readonly request: number;
  readonly rows: number;
  /** Different rows among them. */
  readonly distinct: number;
  /** Highest row number plus one. */
  readonly above: number;
  /** Rows whose content is not what was sent. */
  readonly wrong: number;
}

export interface Verdict {
  /** Rows. */
  readonly acknowledged: number;
  readonly lost: number;
  readonly duplicated: number;
  /** Rows whose content changed, or that nobody sent. */
  readonly wrong: number;
  /** Requests nobody was promised that are stored in part. */
  readonly torn: number;
  /** Traces missing in the index of traces; series without a description. */
  readonly unindexed: number;
  /** Numbers of the requests something is wrong with, the first few. */
  readonly suspects: readonly number[];
}

const suspectsMax = 20;

/** `directory` is the data directory of a service that has stored everything and stopped. */
export async function judge(directory: string, ledger: Ledger): Promise<Verdict> {
  const { found, tracesUnindexed, seriesUndescribed } = await read(directory);
  const counts = { acknowledged: 0, lost: 0, duplicated: 0, wrong: 0, torn: 0 };
  const suspects = new Set<number>();
  const blame = (of: Exclude<keyof typeof counts, "acknowledged">, request: number, amount: number): void => {
    if (amount <= 0) return;
    counts[of] += amount;
    if (suspects.size < suspectsMax) suspects.add(request);
  };
  const distinct = new Map<number, number>();
  for (const one of found) {
    const sent = ledger.sent.get(one.request);
    distinct.set(one.request, one.distinct);
    blame("duplicated", one.request, one.rows - one.distinct);
    if (sent === undefined || sent.signal !== one.signal || one.above > sent.rows) {
      blame("wrong", one.request, one.rows);
      continue;
    }
    blame("wrong", one.request, one.wrong);
    if (!ledger.acknowledged.has(one.request) && one.distinct !== sent.rows) blame("torn", one.request, 1);
  }
  for (const request of ledger.acknowledged) {
    const { rows } = ledger.sent.get(request)!;
    counts.acknowledged += rows;
    blame("lost", request, rows - (distinct.get(request) ?? 0));
  }
  return { ...counts, unindexed: tracesUnindexed + seriesUndescribed, suspects: [...suspects] };
}

async function read(directory: string) {
  const script = fileURLToPath(new URL("./judge-process.ts", import.meta.url));
  // A process of its own: the engine opens one directory for as long as its process lives.
  const child = spawn(process.execPath, ["--import", "tsx", script, `${directory}/store/data`], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const found: Found[] = [];
  let missing: { tracesUnindexed: number; seriesUndescribed: number } | undefined;
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const one = JSON.parse(line) as Found | NonNullable<typeof missing>;
    if ("request" in one) found.push(one);
    else missing = one;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (missing === undefined) throw new Error(`the judge ended with ${String(code)} before it had read everything`);
  return { found, ...missing };
}
