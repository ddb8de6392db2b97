// One executor: whichever service holds the lease acts. A file, which may lie where several services see it.
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";

export interface Lease {
  /** Why this service may not act; undefined while it holds the lease. Reads the file: asked right before each message. */
  elsewhere(): string | undefined;
  /** Takes the lease if it is free, and renews it. */
  beat(): void;
  release(): void;
}

export interface LeaseOptions {
  readonly path: string;
  /** Wall time, Unix ms. */
  readonly now: () => number;
  /** Without a renewal for so long it is free. Default 15 s. */
  readonly ttlMs?: number;
  /** A lease that was taken over is not used for so long: its last holder looks at the file before each message. Default 2 s. */
  readonly settleMs?: number;
}

interface Held {
  readonly holder: string;
  readonly until: number;
}

/** Blind to clocks that differ by more than the ttl, and to a file system that shows two services different files. */
export function createLease({ path, now, ttlMs = 15_000, settleMs = 2000 }: LeaseOptions): Lease {
  const holder = `${hostname()}:${process.pid}:${randomBytes(6).toString("hex")}`;
  let usableFrom = Number.POSITIVE_INFINITY;

  function read(): Held | "none" | "unreadable" {
    try {
      const held = JSON.parse(readFileSync(path, "utf8")) as Partial<Held>;
      return typeof held.holder === "string" && typeof held.until === "number" ? (held as Held) : "unreadable";
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ENOENT" ? "none" : "unreadable";
    }
  }

  const text = (): string => JSON.stringify({ holder, until: now() + ttlMs } satisfies Held);

  /** Only one of several that find no file makes it. */
  function take(): void {
    try {
      writeFileSync(path, text(), { flag: "wx" });
      usableFrom = now();
    } catch {
      // Somebody else was first, or nothing can be written: looked at again with the next beat.
    }
  }

  function replace(): void {
    const own = `${path}.${holder.replaceAll(/[^\w.-]/g, "-")}`;
    try {
      writeFileSync(own, text());
      renameSync(own, path);
    } catch {
      rmSync(own, { force: true });
    }
  }

  return {
    elsewhere() {
      const held = read();
      if (held === "none") return "no service holds the lease yet";
      if (held === "unreadable") return `the lease ${path} cannot be read: remove it, or mend its folder`;
      if (held.holder !== holder) return `the lease is held by ${held.holder}`;
      if (held.until < now()) return "the lease has run out";
      return now() < usableFrom ? "the lease has just been taken over" : undefined;
    },
    beat() {
      const held = read();
      if (held === "none") take();
      else if (held === "unreadable") return;
      else if (held.holder === holder) replace();
      else if (held.until < now()) {
        usableFrom = now() + settleMs;
        replace();
      }
    },
    release() {
      const held = read();
      if (typeof held === "object" && held.holder === holder) rmSync(path, { force: true });
    },
  };
}
