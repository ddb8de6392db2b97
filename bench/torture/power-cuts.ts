// Cuts the power: what the file system has not yet given to the disk is gone. The disk is a file behind a loop device.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { treeOf } from "../lib/process-tree.ts";
import { doorsOf, type Serve, startServe, stopServe, untilStored } from "../lib/serve.ts";
import { judge, type Verdict } from "./judge.ts";
import { createSenders } from "./senders.ts";

export interface PowerCutOptions {
  readonly workDirectory: string;
  readonly cuts: number;
  readonly draw: () => number;
  readonly note?: (text: string) => void;
  /** Ends it after the step that is running; what was done by then is judged. */
  readonly stop?: AbortSignal;
}

export interface PowerCutOutcome extends Verdict {
  readonly cuts: number;
}

const lanes = 10;
const load = { requests: 30, ms: 2500 };
const diskSize = "8G";

/**
 * Undefined where no file can be mounted as a disk (it takes root and loop devices). Blind to torn sectors, to disks that
 * lie about having synced, and to other file systems than ext4.
 */
export async function powerCuts(options: PowerCutOptions): Promise<PowerCutOutcome | undefined> {
  const image = join(options.workDirectory, "disk.img");
  const mountPoint = join(options.workDirectory, "disk");
  mkdirSync(mountPoint, { recursive: true });
  if (!makeDisk(image) || !mount(image, mountPoint)) return undefined;
  const directory = join(mountPoint, "data");
  const senders = createSenders(options.draw, Date.now);
  let serve: Serve = startServe({ directory });
  try {
    senders.aim((await doorsOf(serve)).otlpUrl);
    // The first start makes everything; a disk that loses power in that second is set up again.
    execFileSync("sync");
    senders.start(lanes);
    let cut = 0;
    while (cut < options.cuts && options.stop?.aborted !== true) {
      cut++;
      const enough = senders.ledger.acknowledged.size + load.requests;
      while (senders.ledger.acknowledged.size < enough) {
        senders.check();
        await wait(10);
      }
      await wait(options.draw() * load.ms);
      options.note?.(`cut ${cut}: ${senders.ledger.acknowledged.size} requests acknowledged`);
      await cutPower(serve, image, mountPoint, () => senders.aim(undefined));
      serve = startServe({ directory });
      senders.aim((await doorsOf(serve)).otlpUrl);
    }
    await senders.finish();
    await untilStored(serve);
    await stopServe(serve);
    return { ...(await judge(directory, senders.ledger)), cuts: cut };
  } finally {
    senders.close();
    serve.child.kill("SIGKILL");
    await serve.exit;
    await unmount(mountPoint);
    rmSync(image, { force: true });
  }
}

/** Freezes the service, keeps what had reached the disk by then, and puts that in the disk's place. */
async function cutPower(serve: Serve, image: string, mountPoint: string, frozen: () => void): Promise<void> {
  const pids = treeOf(serve.pid);
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  execFileSync("cp", ["--sparse=always", image, `${image}.cut`]);
  frozen();
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await serve.exit;
  await unmount(mountPoint);
  renameSync(`${image}.cut`, image);
  if (!mount(image, mountPoint)) throw new Error(`${image} cannot be mounted after the cut`);
}

function makeDisk(image: string): boolean {
  rmSync(image, { force: true });
  return (
    existsSync("/dev/loop-control") &&
    spawnSync("truncate", ["-s", diskSize, image]).status === 0 &&
    spawnSync("mkfs.ext4", ["-q", "-F", image]).status === 0
  );
}

function mount(image: string, mountPoint: string): boolean {
  return spawnSync("mount", ["-o", "loop", image, mountPoint]).status === 0;
}

/** The engine may take a moment to be gone. */
async function unmount(mountPoint: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (spawnSync("umount", [mountPoint]).status === 0) return;
    await wait(50);
  }
  throw new Error(`${mountPoint} cannot be unmounted`);
}
