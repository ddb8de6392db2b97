// homeostat ledger: what was decided and done, by whom and why, and whether that record is what was written.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { verifyChain } from "../../act/ledger/verify.ts";
import type { LedgerEntry } from "../../model/action.ts";
import type { LedgerReport } from "../../model/ledger.ts";
import { ledgerMax } from "../acting.ts";
import { type Api, type ApiValues, apiHelp, apiOptions, connectApi } from "../api-client.ts";
import { type Command, type Io, usageError, userError } from "../command.ts";
import { formatAt } from "../incident/print.ts";
import { actionText } from "../incident/timeline.ts";
import { plain } from "../incident/untrusted.ts";

const listed = 50;

export const ledger: Command = {
  name: "ledger",
  summary: "list the ledger of repairs, or verify that it is what was written",
  help: `Usage: homeostat ledger [--limit N] [--json]           the newest entries, oldest first
       homeostat ledger verify [--file FILE] [--json]

Every decision about a repair is an entry: proposed, held, sent, verified, failed, undone; by whom, why, by which policy, with its
checks before and after. Each is sealed to the one before it with SHA-256, so that one that was changed, removed, put in between or
moved is told with its place. Verify recomputes every hash here, from the entries as the service lists them.

  --limit N         so many entries (default ${listed})
  --file FILE       verify entries kept in a file, as --json prints them, in their order
${apiHelp}
  --json            entries: one JSON document a line; verify: one document

Exit code of verify: 0 intact, 1 broken.

Example: homeostat ledger --limit 100000 --json > ledger.jsonl && homeostat ledger verify --file ledger.jsonl`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...apiOptions,
        limit: { type: "string", default: String(listed) },
        file: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const [word, ...rest] = positionals;
    if (rest.length > 0 || (word !== undefined && word !== "verify")) throw usageError("it takes verify, or nothing");
    if (word === "verify") {
      const report = values.file === undefined ? await ofService(values) : ofFile(values.file);
      if (values.json) io.out(JSON.stringify(report));
      else tell(report, io);
      return report.intact ? 0 : 1;
    }
    if (values.file !== undefined) throw usageError("--file is for verify");
    const limit = Number(values.limit);
    if (!Number.isInteger(limit) || limit < 1) throw usageError("--limit is no whole number above 0");
    for (const entry of (await entriesOf(connectApi(values), limit)).toReversed())
      io.out(values.json ? JSON.stringify(entry) : plain(lineOf(entry)));
    return 0;
  },
};

async function ofService(values: ApiValues): Promise<LedgerReport> {
  const api = connectApi(values);
  const answer = (await api.find("/api/v1/ledger")) as { readonly data?: LedgerReport } | undefined;
  if (answer?.data === undefined)
    throw userError("the service tells nothing of a ledger; ask a Homeostat of this version");
  return verifyChain(await entriesOf(api, ledgerMax), { head: answer.data.head });
}

function ofFile(file: string): LedgerReport {
  return verifyChain(readEntries(file), { inOrder: true });
}

function entriesOf(api: Api, max: number): Promise<readonly LedgerEntry[]> {
  return api.list<LedgerEntry>("/api/v1/actions", max);
}

function readEntries(file: string): readonly LedgerEntry[] {
  const text = ((): string => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      throw userError(
        `${file} cannot be read (${error instanceof Error ? error.message : String(error)}); name another`,
      );
    }
  })();
  return text.split("\n").flatMap((line, i): LedgerEntry[] => {
    if (line.trim() === "") return [];
    const entry = parseJson(line) as Partial<LedgerEntry> | null | undefined;
    if (typeof entry?.action !== "object" || typeof entry.at !== "number")
      throw userError(`${file}:${i + 1}: is no entry of a ledger; give what homeostat ledger --json prints`);
    return [entry as LedgerEntry];
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tell({ says, breaks, last }: LedgerReport, io: Io): void {
  io.out(plain(says));
  for (const { sequence, kind, says: words } of breaks) io.out(plain(`  ${kind} at ${sequence}: ${words}`));
  if (last !== undefined) io.out(`ends at ${last.sequence} with ${last.hash}`);
}

function lineOf(entry: LedgerEntry): string {
  const place = entry.sequence === undefined ? "-" : String(entry.sequence);
  const policy = entry.policy === undefined ? "" : ` [${entry.policy.id}: ${entry.policy.mode}]`;
  return `${place.padStart(6)}  ${formatAt(entry.at)}  ${actionText(entry)}${policy}`;
}
