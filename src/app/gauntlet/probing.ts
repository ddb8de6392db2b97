// Probes of a gauntlet: the simulated engines as the probe room asks engines, on virtual time.
import { seededRandom } from "../../math/random.ts";
import { type AskEngine, type Exchange, type Silence, silenceOf } from "../../probe/exchange.ts";
import type { DirectReply } from "../../simulate/direct-door.ts";
import type { Simulation } from "../../simulate/simulation.ts";
import type { ConfigInput } from "../config-schema.ts";
import type { ProbeWays } from "../probes-job.ts";

export interface Probing extends Required<ProbeWays> {
  /** As an operator writes them: every replica the fleet begins with. */
  readonly targets: NonNullable<NonNullable<ConfigInput["probes"]>["targets"]>;
}

/**
 * Not over HTTP: there a time limit is one of wall time, and a virtual two minutes pass in a second. All else is as it ships:
 * probes, schedule, budget, tests. An answer that comes between two steps of the clock is read at the next.
 */
export function createProbing({ scenario, fleet }: Pick<Simulation, "scenario" | "fleet">): Probing {
  const names = fleet.replicas.map(({ name }) => name);
  return {
    targets: names.map((name) => ({ url: urlOf(name), instance: name })),
    random: seededRandom(scenario.seed),
    exchange: exchangeWith(fleet),
  };
}

/** `settings` with these targets, unless they name their own. */
export function withTargets<T extends object>(settings: T, probing: Probing | undefined): T {
  const { probes } = settings as { readonly probes?: object };
  return probing === undefined ? settings : { ...settings, probes: { targets: probing.targets, ...probes } };
}

/** A host name of this form is resolved nowhere. */
const domain = ".invalid";

function urlOf(replica: string): string {
  return `http://${replica}${domain}:8000`;
}

function exchangeWith(fleet: Pick<Simulation["fleet"], "direct" | "nowMs">): AskEngine {
  return ({ base, path, body }, { timeoutMs, answerBytesMax }, signal) =>
    new Promise((resolve) => {
      const name = new URL(base).hostname.replace(domain, "");
      const askedAt = fleet.nowMs;
      const end = (reply: DirectReply, atMs: number): void => {
        signal.removeEventListener("abort", stop);
        resolve(exchangeOf(reply, (atMs - askedAt) / 1000, timeoutMs, answerBytesMax));
      };
      const stop = (): void => {
        takeBack?.();
        resolve(unanswered("connection", "the probe was stopped", (fleet.nowMs - askedAt) / 1000));
      };
      signal.addEventListener("abort", stop, { once: true });
      const takeBack: (() => void) | undefined = fleet.direct(
        name,
        { path, ...(body === undefined ? {} : { body }) },
        timeoutMs,
        end,
      );
      if (signal.aborted) stop();
    });
}

function exchangeOf(reply: DirectReply, seconds: number, timeoutMs: number, bytesMax: number): Exchange {
  if (reply.kind !== "answered") {
    if (reply.kind === "timeout")
      return unanswered("timeout", `gave no complete answer within ${timeoutMs / 1000} s`, seconds);
    const isRefused = reply.kind === "refused";
    const says = isRefused ? "cannot be talked to (ECONNREFUSED)" : "closed the connection in the middle of an answer";
    return unanswered("connection", says, seconds);
  }
  const silence = silenceOf(reply.status);
  if (silence !== undefined) return unanswered(...silence, seconds);
  const body = Buffer.from(JSON.stringify(reply.body));
  if (body.length > bytesMax) return unanswered("too-large", "answers with more than is read", seconds);
  return { kind: "answered", body, headers: {}, seconds };
}

function unanswered(reason: Silence, says: string, seconds: number): Exchange {
  return { kind: "unanswered", reason, says, seconds };
}
