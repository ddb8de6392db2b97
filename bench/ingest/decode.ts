// How many items a second of CPU get from wire bytes to insertable columns, beside protobufjs decoding the same bytes.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messages } from "../../test/receive/otlp-proto.ts";
import { median } from "../lib/report.ts";
import type { Signal } from "./bodies.ts";

export interface DecodeRates {
  /** Items per CPU-second, medians. */
  readonly ours: number;
  readonly protobufjs: number;
  /** Median of the ratios of neighbouring rounds. */
  readonly ratio: number;
}

/** What the process answers: rates of each round. */
interface Rounds {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

const script = fileURLToPath(new URL("./decode-process.mjs", import.meta.url));

/** Both sides in turns, in a process of their own. */
export async function decodeRates(signal: Signal, bodies: readonly Uint8Array[]): Promise<DecodeRates> {
  const folder = mkdtempSync(join(tmpdir(), "homeostat-decode-"));
  try {
    const files = bodies.map((body, i) => {
      const file = join(folder, `${i}.pb`);
      writeFileSync(file, body);
      return file;
    });
    const { ours, theirs } = await measured({
      schema: messages[signal].root.toJSON(),
      type: messages[signal].fullName,
      signal,
      files,
    });
    return {
      ours: median(ours),
      protobufjs: median(theirs),
      ratio: median(ours.map((one, i) => one / theirs[i]!)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(work: object): Promise<Rounds> {
  const child = fork(script, { execArgv: [] });
  child.send(work);
  const ended = once(child, "exit").then(([code]): never => {
    throw new Error(`the process that decodes ended with ${code} and no answer`);
  });
  const [rounds] = (await Promise.race([once(child, "message"), ended])) as [Rounds];
  return rounds;
}
