// homeostat demo: the whole way in two minutes, on a simulated fleet that sends real OTLP.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { TimelineEvent } from "../../model/event.ts";
import { parseDuration } from "../../model/time.ts";
import { createLiveClock } from "../clock/live.ts";
import { type Command, type Io, usageError } from "../command.ts";
import { Config, type ConfigInput } from "../config-schema.ts";
import { startFleet } from "../fleet.ts";
import { version } from "../paths.ts";
import { type Service, startService } from "../service.ts";
import { stopSignal } from "../stop-signal.ts";
import { createTelemetry } from "../telemetry.ts";
import { createTimeline } from "../timeline.ts";

const faults = ["kv-cache-saturation", "stuck-engine", "upgrade-regression", "none"];
const replayMs = 60 * 60_000;

export const demo: Command = {
  name: "demo",
  summary: "start the service and a simulated fleet, break it, and watch it being repaired",
  help: `Usage: homeostat demo [OPTIONS]

  --fault MODE      ${faults.join(", ")} (default ${faults[0]})
  --once            stop when the recovery is verified: exit code 0, or 1 when it is not
  --json            the timeline as JSON, one event a line
  --speed N         run the fleet's time N times faster than real time (default 1)
  --for DURATION    how long to run at most with --once (default 3m), or with --fault none
  --seed N          another fleet, another load (default 1)
  --data DIR        keep the data in DIR (default: a temporary folder, removed at the end)
  --verbose         print the service's own log to stderr`,
  async run(args, io) {
    const options = parseOptions(args);
    const stop = stopSignal();
    const directory = options.data ?? mkdtempSync(join(tmpdir(), "homeostat-demo-"));
    try {
      return await runDemo(options, directory, stop, io);
    } finally {
      if (options.data === undefined) rmSync(directory, { recursive: true, force: true });
    }
  },
};

interface DemoOptions {
  readonly fault: string;
  readonly once: boolean;
  readonly json: boolean;
  readonly speed: number;
  readonly forMs: number;
  readonly seed: number;
  readonly data: string | undefined;
  readonly verbose: boolean;
}

function parseOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      fault: { type: "string", default: faults[0]! },
      once: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      speed: { type: "string", default: "1" },
      for: { type: "string", default: "3m" },
      seed: { type: "string", default: "1" },
      data: { type: "string" },
      verbose: { type: "boolean", default: false },
    },
  });
  const speed = Number(values.speed);
  const seed = Number(values.seed);
  const forMs = parseDuration(values.for);
  if (!faults.includes(values.fault))
    throw usageError(`there is no fault "${values.fault}"; take one of ${faults.join(", ")}`);
  if (!(speed > 0 && speed <= 1000)) throw usageError(`--speed ${values.speed} is not a number between 0 and 1000`);
  if (!Number.isSafeInteger(seed)) throw usageError(`--seed ${values.seed} is not a whole number`);
  if (forMs === undefined) throw usageError(`--for ${values.for} is not a duration; write it like 3m`);
  const { fault, once, json, data, verbose } = values;
  return { fault, once, json, speed, forMs, seed, data, verbose };
}

async function runDemo(options: DemoOptions, directory: string, stop: Promise<string>, io: Io): Promise<number> {
  const timeline = createTimeline(io, options.json);
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  const controlPort = await freePort(0);
  const config = Config.parse(await demoConfig(options, directory, controlPort, secret));
  const wallStart = Date.now();
  const now = (): number => wallStart + (Date.now() - wallStart) * options.speed;

  await using telemetry = createTelemetry({ level: options.verbose ? "info" : "error", version });
  using clock = createLiveClock(telemetry, now);
  await using service = await startService(config, { clock, telemetry });
  timeline.note("started", now(), service.summary);
  const outcome = watchOutcome(service, options, timeline.tell);
  await using fleet = await startFleet({
    fault: options.fault,
    seed: options.seed,
    endpoint: service.otlpUrl,
    changesUrl: `${service.apiUrl}/api/v1/changes`,
    webhookSecret: secret,
    controlPort,
    startAt: now() - replayMs,
    replayMs,
    speed: options.speed,
    exportIntervalMs: 5000,
    faultAfterMs: 5000 * Math.max(1, options.speed),
    // Its change events come back through the API, as anybody's would.
    onEvent: (event) => {
      if (event.type === "live" || event.type === "fault") timeline.note(event.type, event.at, event.text);
      else if (event.type !== "change" && event.type !== "started") timeline.note("fleet", event.at, event.text);
    },
    onExit: outcome.fail,
  });
  const ended = await Promise.race([outcome.done, stop.then(() => "stopped" as const)]);
  if (ended === "stopped") return 0;
  if (options.once || options.fault === "none") return ended === "well" ? 0 : 1;
  timeline.note("started", now(), `look around: ${service.apiUrl} (Ctrl-C ends the demo)`);
  await stop;
  return fleet.stopped ? 1 : 0;
}

/** Decides how the demo ends: the injected fault diagnosed and its repair verified; or, with no fault, no incident. */
function watchOutcome(service: Service, options: DemoOptions, tell: (event: TimelineEvent) => void) {
  let settle: (how: "well" | "badly") => void = () => {};
  const done = new Promise<"well" | "badly">((resolve) => {
    settle = resolve;
  });
  let ended = false;
  let diagnosed: unknown;
  const end = (how: "well" | "badly"): void => {
    ended = true;
    settle(how);
  };
  service.feed.follow((event) => {
    if (ended && options.once) return;
    tell(event);
    if (event.type === "diagnosed") diagnosed = event.data["failureMode"];
    if (event.type === "recovered") end(diagnosed === options.fault ? "well" : "badly");
    if (event.type === "incident" && options.fault === "none") end("badly");
  });
  const timer = setTimeout(() => end(options.fault === "none" ? "well" : "badly"), options.forMs);
  timer.unref();
  return { done, fail: () => end("badly") };
}

async function demoConfig(
  options: DemoOptions,
  directory: string,
  controlPort: number,
  secret: string,
): Promise<ConfigInput> {
  const fast = Math.max(1, options.speed);
  return {
    dataDirectory: directory,
    store: { retentionDays: {} },
    receive: { httpPort: await freePort(4318), grpcPort: await freePort(4317), anyTime: true },
    show: { port: await freePort(7070) },
    observe: { tick: "* * * * * *", step: "5s", rateWindow: "30s", lateness: "2s", idle: `${Math.round(15 * fast)}s` },
    deliver: {
      receivers: [{ name: "fleet", url: `http://127.0.0.1:${controlPort}/`, secret }],
      allow: ["127.0.0.1/32"],
    },
    act: {
      policies: ["rollback-config", "rollback-version", "restart-replica"].map((action) => ({
        action,
        mode: "auto" as const,
        cooldown: "2m",
        watch: "15s",
        maxEvidenceAge: `${Math.round(120 * fast)}s`,
      })),
    },
  };
}

/** `wanted` if nobody listens there, else any free port. */
function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", () => freePort(0).then(resolve, reject));
    server.listen(wanted, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
