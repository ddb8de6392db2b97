// What becomes of frames the engine refuses: the rows it takes are stored, the others are set aside.
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { engineCode, messageOf } from "../errors.ts";
import type { RowRange } from "./inserter.ts";
import type { Frame } from "./log.ts";

/** How one try ended; failures that may pass are tried again inside. `fatal`: the engine died of it. */
export type Attempt =
  | { readonly kind: "stored" }
  | { readonly kind: "refused"; readonly reason: string; readonly fatal: boolean };

const deadLimitBytes = 256 * 1024 * 1024;
/** Refusals looked into within one frame before the rest of it is set aside as a whole. */
const probesMax = 64;

/** Errors that are about the data: trying again with the same data cannot help. */
const dataErrors = new Set([
  6, 7, 9, 10, 16, 20, 26, 27, 33, 34, 38, 41, 42, 44, 50, 53, 69, 70, 72, 80, 117, 128, 131, 190, 261, 321, 349,
]);

/** True if the failure is the data's. Too many partitions in one block share a code with "too many parts, wait". */
export function isAboutData(error: unknown): boolean {
  const code = engineCode(error);
  return (code !== undefined && dataErrors.has(code)) || /Too many partitions/.test(messageOf(error));
}

/** Stores all that can be stored of frames that were refused together; returns when every row is stored or set aside. */
export async function settle(
  frames: readonly Frame[],
  attempt: (frames: readonly Frame[], range?: RowRange) => Promise<Attempt>,
  setAside: (frame: Frame, ranges: readonly RowRange[], reason: string) => Promise<void>,
): Promise<void> {
  if (frames.length > 1) {
    const middle = frames.length >> 1;
    for (const half of [frames.slice(0, middle), frames.slice(middle)]) {
      if ((await attempt(half)).kind === "refused") await settle(half, attempt, setAside);
    }
    return;
  }
  const frame = frames[0]!;
  // Without any row: whether the block can be read at all.
  const readable = await attempt([frame], { from: 0, to: 0 });
  if (readable.kind === "refused") return await setAside(frame, [{ from: 0, to: frame.rows }], readable.reason);
  const refused: RowRange[] = [];
  const open: RowRange[] = [{ from: 0, to: frame.rows }];
  let reason = "";
  for (let probes = 0; open.length > 0; probes++) {
    const range = open.pop()!;
    const result = await attempt([frame], range);
    if (result.kind === "stored") continue;
    reason = result.reason;
    const middle = (range.from + range.to) >> 1;
    // An engine that dies of some rows is not to die of each half of them again.
    if (range.to - range.from <= 1 || result.fatal || probes >= probesMax) refused.push(range);
    else open.push({ from: middle, to: range.to }, { from: range.from, to: middle });
  }
  if (refused.length > 0) await setAside(frame, refused, reason);
}

/** Keeps the block and what is known about it for a person to look at; counts rows. Never throws. */
export async function writeDead(
  directory: string,
  frame: Frame,
  ranges: readonly RowRange[],
  reason: string,
  telemetry: Telemetry,
): Promise<void> {
  const rows = ranges.reduce((sum, range) => sum + range.to - range.from, 0);
  telemetry.count("homeostat.store.dropped", rows, { reason: "refused" });
  telemetry.log.error("store: the database refuses rows; they are set aside", {
    tenant: frame.tenant,
    table: frame.table,
    batch: String(frame.id),
    rows,
    reason,
    directory,
  });
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if ((await sizeOf(directory)) + frame.bytes > deadLimitBytes) return;
    const name = join(directory, `${frame.id}-${frame.table}`);
    await writeFile(`${name}.native`, await frame.read());
    await writeFile(
      `${name}.json`,
      JSON.stringify({ tenant: frame.tenant, table: frame.table, rows: ranges, reason, columns: frame.columns }),
    );
  } catch (error) {
    telemetry.log.error("store: refused rows could not be set aside", { error: messageOf(error) });
  }
}

async function sizeOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory)) bytes += (await stat(join(directory, name))).size;
  return bytes;
}
