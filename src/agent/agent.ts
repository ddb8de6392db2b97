// The agent: takes signed requests, runs what its own file allows, one action a target at a time, and tells what became of it.
import type { Notifier } from "../model/ports/notifier.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { AgentFile, Rule } from "./allow-schema.ts";
import type { Audit } from "./audit.ts";
import type { Answer, Delivery } from "./door.ts";
import type { Executor, ExecutorDeps } from "./executor.ts";
import { createExecutor } from "./executors/executors.ts";
import type { Entry, Journal, Result } from "./journal.ts";
import { whyStopped } from "./kill-switch.ts";
import { whyTooOften } from "./limits.ts";
import { type Request, readRequest, ruleFor, whyParameters } from "./request.ts";
import { canTakeBack, carryOut, takeBack, type Work } from "./work.ts";

/** Whether a delivery is signed by who may ask, and now. `why` is for who sends it. */
export type Verify = (delivery: Delivery) => { readonly ok: true } | { readonly ok: false; readonly why: string };

export interface AgentDeps {
  readonly journal: Journal;
  readonly audit: Audit;
  readonly verify: Verify;
  /** Undefined: results are told to nobody. */
  readonly notifier: Notifier | undefined;
  readonly mask: (text: string) => string;
  /** Wall time in Unix ms. */
  readonly now: () => number;
  readonly telemetry: Telemetry;
}

export interface May {
  readonly rule: Rule;
  readonly may: string;
  readonly problems: readonly string[];
}

export interface Agent extends AsyncDisposable {
  /** Takes, refuses or repeats the answer to one delivery. What is taken is on disk before this returns. */
  take(delivery: Delivery): Answer;
  health(): Answer;
  turnedAway(from: string, says: string): void;
  /** What it may do, a line each, with what stands in its way on this host. */
  may(): readonly May[];
  /** Takes up what an earlier run left. */
  resume(): void;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
}

/** Name of the receiver of results. */
export const replyReceiver = "homeostat";

export function createAgent(file: AgentFile, deps: AgentDeps): Agent {
  const { journal, audit, now, telemetry } = deps;
  const executors = executorsOf(file, deps);
  /** The last piece of work of each target. */
  const lanes = new Map<string, Promise<void>>();
  /** Until what an earlier run left stands in line. */
  let starting = true;
  let stopping = false;

  function take(delivery: Delivery): Answer {
    const proof = deps.verify(delivery);
    if (!proof.ok) {
      telemetry.count("homeostat.agent.requests", 1, { outcome: "not-signed" });
      audit.stranger({ event: "not-signed", from: delivery.from, says: proof.why });
      return { status: 401, body: { says: proof.why } };
    }
    try {
      const answer = judge(String(delivery.headers["webhook-id"]), delivery);
      telemetry.count("homeostat.agent.requests", 1, { outcome: String(answer.status) });
      return answer;
    } catch (error) {
      // The journal or the audit log does not take it: it was not taken, and may be sent again.
      telemetry.count("homeostat.agent.disk_errors");
      telemetry.log.error("a request was not taken: it cannot be written down", { error: String(error) });
      return { status: 503, body: { says: "it cannot be written down just now" }, retryAfterS: 30 };
    }
  }

  function judge(id: string, { body, from }: Delivery): Answer {
    const read = /^[\w.:-]{1,256}$/.test(id) ? readRequest(body.toString("utf8")) : undefined;
    if (read === undefined || !read.ok) {
      const says = read?.says ?? "webhook-id is not a plain identifier";
      audit.write({ event: "not-understood", from, says });
      return { status: 400, body: { says } };
    }
    const { request } = read;
    const { type, action, target, key, parameters } = request;
    const about = { id, from, type, action, target, key };
    if (type === "action.escalated") {
      audit.write({ event: "escalated", ...about });
      return { status: 200, body: { says: "noted; there is nothing to do here" } };
    }
    const known = journal.byId(id);
    const same = known ?? journal.byKey(type, key);
    if (same !== undefined) {
      if (!isSame(same, request)) {
        audit.write({ event: "conflict", ...about });
        return { status: 409, body: { says: "something else was asked under this id or idempotency key" } };
      }
      audit.write({ event: "repeated", ...about });
      return repeat(id, same, known !== undefined);
    }
    if (starting || stopping || journal.isFull())
      return { status: 503, body: { says: "not just now" }, retryAfterS: 60 };
    const entry: Entry = { id, type, key, action, target, parameters, at: now(), state: "accepted" };
    const why = whyNot(request);
    if (why !== undefined) {
      const result: Result = { outcome: "refused", says: why, steps: [], undo: [], endedAt: now() };
      audit.write({ event: "refused", ...about, says: why });
      journal.put({ ...entry, state: "refused", result });
      reply({ ...entry, result });
      return { status: 403, body: { says: why } };
    }
    audit.write({ event: "accepted", ...about, parameters });
    journal.put(entry);
    queue(entry);
    return { status: 202, body: { state: "accepted" } };
  }

  /** Never run again: the same answer, now or when it is there. */
  function repeat(id: string, same: Entry, isKnown: boolean): Answer {
    const first = same.sameAs === undefined ? same : (journal.byId(same.sameAs) ?? same);
    if (!isKnown) {
      journal.put({ ...first, id, at: now(), sameAs: first.id });
      if (first.result !== undefined) reply({ ...first, id });
    }
    if (first.result === undefined) return { status: 202, body: { state: first.state } };
    const status = first.state === "refused" ? 403 : 200;
    return { status, body: { state: first.state, says: first.result.says, result: first.result } };
  }

  function whyNot(request: Request): string | undefined {
    const stopped = whyStopped(file.killSwitch);
    if (stopped !== undefined) return stopped;
    const rule = ruleFor(file.allow, request);
    if (rule === undefined) return `${request.action} on ${request.target} is not allowed by this agent's file`;
    const wrong = whyParameters(rule, request.parameters);
    if (wrong !== undefined) return wrong;
    if (Math.abs(now() - request.at) > file.maxAge) return "the request is too old (maxAge), or a clock is wrong";
    if (request.type === "action.undo") {
      const done = journal.byKey("action.requested", request.key);
      if (done === undefined || !isAbout(done, request)) return "nothing was done under this idempotency key";
      if (done.result !== undefined && !canTakeBack(rule, executors.get(rule)!, done.result))
        return "what was done cannot be taken back";
    } else {
      const often = whyTooOften(journal.all(), request.target, file.limits, now());
      if (often !== undefined) return often;
    }
    if (file.mode === "act") return undefined;
    const would = executors.get(rule)!.map(({ may }) => may);
    return `mode is observe; would ${request.type === "action.undo" ? "take back: " : ""}${would.join("; then ")}`;
  }

  /** Behind what the target has to do already. */
  function queue(entry: Entry): void {
    const before = lanes.get(entry.target) ?? Promise.resolve();
    const after = before
      .then(() => run(entry))
      .catch((error: unknown) => {
        telemetry.log.error("an action was not carried out: it cannot be written down", {
          id: entry.id,
          error: String(error),
        });
      });
    lanes.set(entry.target, after);
    void after.then(() => {
      if (lanes.get(entry.target) === after) lanes.delete(entry.target);
    });
  }

  async function run(entry: Entry): Promise<void> {
    // Stays accepted; the next run takes it up.
    if (stopping) return;
    const rule = file.allow.find(({ action, target }) => action === entry.action && target === entry.target);
    const refuse = (says: string): void =>
      end(entry, { outcome: "refused", says, steps: [], undo: [], endedAt: now() });
    if (rule === undefined || whyParameters(rule, entry.parameters) !== undefined || file.mode === "observe")
      return refuse("the agent's file does not allow it any more");
    if (Math.abs(now() - entry.at) > file.maxAge) return refuse("it waited too long for its turn (maxAge)");
    journal.put({ ...entry, state: "started" });
    const work: Work = {
      whyStopped: () => whyStopped(file.killSwitch),
      begin: (use, may) => audit.write({ event: "step", ...aboutOf(entry), use, may }),
      mask: deps.mask,
      now,
    };
    const its = executors.get(rule)!;
    const done = journal.byKey("action.requested", entry.key)?.result;
    if (entry.type === "action.requested") end(entry, await carryOut(rule, its, entry.parameters, work));
    else if (done === undefined || !canTakeBack(rule, its, done)) refuse("there is nothing to take back");
    else end(entry, await takeBack(rule, its, done, work));
  }

  function end(entry: Entry, result: Result): void {
    journal.put({ ...entry, state: "ended", result });
    const { outcome, says, steps } = result;
    telemetry.count("homeostat.agent.actions", 1, { outcome });
    telemetry.log.info(`action ${outcome}`, { ...aboutOf(entry), says });
    for (const one of journal.all()) if (one.id === entry.id || one.sameAs === entry.id) reply({ ...one, result });
    audit.write({ event: "ended", ...aboutOf(entry), outcome, says, steps });
  }

  function reply({ id, type, key, action, target, result }: Entry): void {
    if (deps.notifier === undefined || result === undefined) return;
    const data = { agent: file.name, request: id, type, action, target, idempotencyKey: key, ...result };
    void deps.notifier
      .send({ id: `result-${id}`, receiver: replyReceiver, type: "action.result", data })
      .catch((error: unknown) => telemetry.log.error("a result was not told", { id, error: String(error) }));
  }

  return {
    take,
    health() {
      const stopped = whyStopped(file.killSwitch) !== undefined;
      const state = stopping ? "stopping" : stopped ? "stopped" : "ready";
      return { status: 200, body: { agent: file.name, mode: file.mode, state, targetsBusy: lanes.size } };
    },
    turnedAway(from, says) {
      telemetry.count("homeostat.agent.requests", 1, { outcome: "turned-away" });
      audit.stranger({ event: "turned-away", from, says });
    },
    may: () => tell(executors),
    resume() {
      starting = false;
      for (const entry of [...journal.all()]) {
        if (entry.sameAs !== undefined) {
          // What it waits for may have ended since it was written.
          const first = journal.byId(entry.sameAs);
          if (first?.result !== undefined) reply({ ...entry, result: first.result });
        } else if (entry.result !== undefined) reply(entry);
        else if (entry.state === "accepted") queue(entry);
        else if (entry.state === "started") {
          const says = "the agent ended while it ran; what was done is not known, and it is not run again";
          end(entry, { outcome: "failed", says, steps: [], undo: [], endedAt: now() });
        }
      }
    },
    async idle() {
      while (lanes.size > 0) await Promise.all(lanes.values());
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      await Promise.all(lanes.values());
    },
  };
}

/** What an agent with this file may do. */
export function whatItMay(file: AgentFile, deps: ExecutorDeps): readonly May[] {
  return tell(executorsOf(file, deps));
}

function executorsOf(file: AgentFile, { now, telemetry }: ExecutorDeps): ReadonlyMap<Rule, readonly Executor[]> {
  return new Map(file.allow.map((rule) => [rule, rule.do.map((step) => createExecutor(step, { now, telemetry }))]));
}

function tell(executors: ReadonlyMap<Rule, readonly Executor[]>): readonly May[] {
  return [...executors].map(([rule, its]) => ({
    rule,
    may: its.map(({ may }) => may).join("; then "),
    problems: its.flatMap((one) => one.problems()),
  }));
}

/** Whether this asks for what the entry is about. When it was sent, and why, makes no difference. */
function isSame(entry: Entry, { type, key, action, target, parameters }: Request): boolean {
  return entry.type === type && entry.key === key && isAbout(entry, { action, target, parameters });
}

function isAbout(
  entry: Entry,
  { action, target, parameters }: Pick<Request, "action" | "target" | "parameters">,
): boolean {
  const listed = (values: Entry["parameters"]): string => JSON.stringify(Object.entries(values).sort(byName));
  return entry.action === action && entry.target === target && listed(entry.parameters) === listed(parameters);
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}

function aboutOf({ id, type, action, target, key }: Entry) {
  return { id, type, action, target, key };
}
