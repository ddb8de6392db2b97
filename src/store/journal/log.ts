// The log on disk: appends are written and synced in groups; files go once everything in them is stored.
import { type FileHandle, mkdir, open, readdir, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { messageOf, storeError } from "../errors.ts";
import { decodeEntries, encodeEntry, type FrameInfo } from "./entry.ts";
import type { Rows } from "./native-block.ts";
import type { RequestKeys } from "./request-keys.ts";
import { createShapes } from "./shapes.ts";

/** Rows in the log, not stored yet. */
export interface Frame extends FrameInfo {
  /** Its Native block, read from the file. */
  read(): Promise<Buffer>;
  /** Lets go of it: stored, or set aside for good. */
  done(): void;
}

export interface LogOptions {
  readonly directory: string;
  /** Where damaged bytes are set aside. */
  readonly deadDirectory: string;
  readonly fileBytes: number;
  readonly diskFloorBytes: number;
  readonly keys: RequestKeys;
  /** Highest id given out before, as far as known outside the log. */
  readonly lastId: bigint;
  readonly now: () => number;
  /** Called with each append's frames once they are safe, in order of ids. */
  readonly onSafe: (frames: readonly Frame[]) => void;
}

export interface Log {
  /** Resolves with the ids once all is safe on disk. */
  append(batches: readonly Rows[], keys: readonly string[], tenant?: string): Promise<readonly bigint[]>;
  /** Resolves when no append is on its way. */
  settled(): Promise<void>;
  /** Highest id that is safe. */
  lastId(): bigint;
  /** Why nothing can be taken now. */
  trouble(): string | undefined;
  /** Tries to get out of trouble. */
  heal(): Promise<void>;
  /** Begins a new file, so that those before go as soon as all in them is stored. Rejects if it cannot. */
  rotate(): Promise<void>;
  /** Bytes in appends that wait for the disk. */
  waitingBytes(): number;
  close(): Promise<void>;
}

interface LogFile {
  readonly path: string;
  readonly handle: FileHandle;
  bytes: number;
  pending: number;
  sealed: boolean;
}

interface Waiting {
  readonly tenant: string | undefined;
  readonly batches: readonly Rows[];
  readonly keys: readonly string[];
  readonly bytes: number;
  resolve(ids: readonly bigint[]): void;
  reject(error: unknown): void;
}

const groupBytes = 64 * 1024 * 1024;
/** Of all logs of the process; the decoders write a few dozen. */
const shapeOf = createShapes(1000);

/** Reads what is there (`recovered`: frames by id), cuts torn ends, sets damage aside, and starts a new file. */
export async function openLog(
  options: LogOptions,
  telemetry: Telemetry,
): Promise<{ readonly log: Log; readonly recovered: readonly Frame[] }> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const names = (await readdir(options.directory)).filter((name) => /^\d{20}\.log$/.test(name)).toSorted();
  const recovered: Frame[] = [];
  const empty: string[] = [];
  let last = options.lastId;
  for (const name of names) {
    const path = join(options.directory, name);
    const frames = await recover(path, options, telemetry);
    for (const frame of frames) recovered.push(frame);
    if (frames.length === 0) empty.push(path);
    // Names hold the id a file began behind, so an empty one still tells it.
    for (const id of [BigInt(name.slice(0, 20)), ...frames.map((frame) => frame.id)]) if (id > last) last = id;
  }
  let safeId = last;
  let file: LogFile | undefined;
  let trouble: string | undefined;
  let queue: Waiting[] = [];
  let waitingBytes = 0;
  let running: Promise<void> | undefined;
  let closed = false;
  let rotating = false;

  const freshId = (): bigint => {
    const byClock = BigInt(Math.max(0, Math.floor(options.now()))) << 20n;
    last = byClock > last ? byClock : last + 1n;
    return last;
  };
  const newFile = async (): Promise<LogFile> => {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    await checkFloor(options);
    // The name uses up an id, so that it tells where ids stood even if nothing follows.
    const path = join(options.directory, `${String(freshId()).padStart(20, "0")}.log`);
    const handle = await open(path, "wx+", 0o600);
    const made: LogFile = { path, handle, bytes: 0, pending: 0, sealed: false };
    try {
      // The files before may go at any time; the keys they hold move on.
      const carried = encodeEntry(options.now(), options.keys.live(options.now()), [], []).bytes;
      await writeAll(handle, carried, 0);
      made.bytes = carried.length;
      await handle.datasync();
      await syncDirectory(options.directory);
      return made;
    } catch (error) {
      await handle.close().catch(() => {});
      await rm(path, { force: true }).catch(() => {});
      throw error;
    }
  };
  const writeGroup = async (group: readonly Waiting[]): Promise<void> => {
    if (file === undefined || rotating || file.bytes >= options.fileBytes) {
      // The new file is safe before the old one, with the keys it holds, may go.
      const next = await newFile();
      if (file !== undefined) seal(file);
      file = next;
      rotating = false;
    }
    const into = file;
    const at = options.now();
    const start = into.bytes;
    const entries = group.map(({ batches, keys, tenant }) => {
      const own = keys.map((key) => [key, at] as const);
      return encodeEntry(at, own, batches, batches.map(freshId), tenant);
    });
    const bytes = Buffer.concat(entries.map((entry) => entry.bytes));
    try {
      await checkFloor(options);
      await writeAll(into.handle, bytes, start);
      await into.handle.datasync();
      // A file nobody can find again keeps no promise.
      if ((await into.handle.stat()).nlink === 0) throw new Error("the log's file or directory was removed");
    } catch (error) {
      // What was not promised must not come back after a restart.
      await into.handle.truncate(start).catch(() => {});
      seal(into);
      file = undefined;
      throw error;
    }
    safeId = last;
    group.forEach((waiting, i) => {
      const entry = entries[i]!;
      for (const key of waiting.keys) options.keys.add(key, at);
      options.onSafe(entry.frames.map((frame) => frameOf({ ...frame, offset: frame.offset + into.bytes }, into)));
      into.bytes += entry.bytes.length;
      waiting.resolve(entry.frames.map((frame) => frame.id));
    });
  };
  const run = async (): Promise<void> => {
    while (queue.length > 0) {
      const group: Waiting[] = [];
      let bytes = 0;
      while (queue.length > 0 && (group.length === 0 || bytes + queue[0]!.bytes <= groupBytes)) {
        bytes += queue[0]!.bytes;
        group.push(queue.shift()!);
      }
      try {
        await writeGroup(group);
        trouble = undefined;
      } catch (error) {
        trouble = messageOf(error);
        telemetry.log.error("store: the log cannot be written; intake is refused until it can", { error: trouble });
        for (const waiting of group)
          waiting.reject(storeError("unwritable", `The log cannot be written: ${trouble}`, error));
      }
      waitingBytes -= bytes;
    }
    running = undefined;
  };

  const log: Log = {
    async append(batches, keys, tenant) {
      if (closed) throw storeError("unwritable", "The store is closed.");
      const bytes = batches.reduce((sum, batch) => sum + sizeOf(batch), 0);
      waitingBytes += bytes;
      return await new Promise((resolve, reject) => {
        queue.push({ tenant, batches, keys, bytes, resolve, reject });
        running ??= run();
      });
    },
    async settled() {
      while (running !== undefined) await running;
    },
    lastId: () => safeId,
    trouble: () => trouble,
    async heal() {
      await log.append([], []).catch(() => {});
    },
    async rotate() {
      rotating = true;
      await log.append([], []);
    },
    waitingBytes: () => waitingBytes,
    async close() {
      closed = true;
      await log.settled();
      queue = [];
      if (file !== undefined) await file.handle.close();
    },
  };
  try {
    file = await newFile();
    for (const path of empty) await rm(path, { force: true });
  } catch (error) {
    trouble = messageOf(error);
  }
  return { log, recovered };
}

function seal(file: LogFile): void {
  file.sealed = true;
  release(file);
}

function release(file: LogFile): void {
  if (!file.sealed || file.pending > 0) return;
  void file.handle.close().catch(() => {});
  void rm(file.path, { force: true }).catch(() => {});
}

function frameOf(info: FrameInfo, file: LogFile): Frame {
  file.pending++;
  // Not the whole of `info`, whose columns would live on with it.
  const { bytes, offset } = info;
  return {
    ...info,
    columns: shapeOf(info.columns),
    async read() {
      const block = Buffer.allocUnsafe(bytes);
      const { bytesRead } = await file.handle.read(block, 0, bytes, offset);
      if (bytesRead !== bytes) throw new Error(`log file ${file.path} is shorter than it was`);
      return block;
    },
    done() {
      file.pending--;
      release(file);
    },
  };
}

async function recover(path: string, options: LogOptions, telemetry: Telemetry): Promise<readonly Frame[]> {
  const handle = await open(path, "r");
  const bytes = await handle.readFile();
  const { entries, damage } = decodeEntries(bytes);
  for (const { start, end, kind } of damage) {
    telemetry.count("homeostat.store.log_damage", 1, { reason: kind });
    telemetry.log.warn("store: damage in the log", { file: path, start, end, kind });
    if (kind === "torn") {
      await truncate(path, start);
      continue;
    }
    await mkdir(options.deadDirectory, { recursive: true, mode: 0o700 });
    await writeFile(join(options.deadDirectory, `damaged-${start}-of-${path.slice(-24)}`), bytes.subarray(start, end));
  }
  for (const [key, at] of entries.flatMap((entry) => entry.keys)) options.keys.add(key, at);
  const file: LogFile = { path, handle, bytes: bytes.length, pending: 1, sealed: true };
  const frames = entries.flatMap((entry) => entry.frames.map((frame) => frameOf(frame, file)));
  file.pending--;
  // Without frames it goes once the new file has taken its keys along.
  if (frames.length === 0) await handle.close();
  return frames;
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw new Error("the disk took nothing");
    done += bytesWritten;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  await handle.sync().finally(() => handle.close());
}

async function checkFloor({ directory, diskFloorBytes }: LogOptions): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < diskFloorBytes)
    throw new Error(`less than ${diskFloorBytes} bytes are free on the disk of ${directory}; make room`);
}

function sizeOf(batch: Rows): number {
  return batch.columns.reduce((sum, column) => sum + column.bytes.length, 12 * batch.rows);
}
