// Which executor carries out which kind of step.
import type { Executor, ExecutorDeps } from "../executor.ts";
import type { Step } from "../step-schema.ts";
import { cacheFolder } from "./cache.ts";
import { checksumRepair } from "./checksum.ts";
import { dockerContainer } from "./docker.ts";
import { gitCheckout } from "./git.ts";
import { plainProcess } from "./process.ts";
import { pm2Process, script, systemdUnit } from "./programs.ts";
import { symlinkRelease } from "./symlink.ts";

export function createExecutor(step: Step, deps: ExecutorDeps): Executor {
  switch (step.use) {
    case "systemd":
      return systemdUnit(step);
    case "docker":
      return dockerContainer(step);
    case "pm2":
      return pm2Process(step);
    case "process":
      return plainProcess(step, deps);
    case "git":
      return gitCheckout(step);
    case "symlink":
      return symlinkRelease(step);
    case "checksum":
      return checksumRepair(step, deps);
    case "cache":
      return cacheFolder(step);
    case "script":
      return script(step);
  }
}
