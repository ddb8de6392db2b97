// The agent wired: its file and keys, its memory on disk, its door, and delivery for its results.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Agent, createAgent, type May, replyReceiver, type Verify } from "../agent/agent.ts";
import { readKeys } from "../agent/allow-file.ts";
import type { AgentFile } from "../agent/allow-schema.ts";
import { openAudit } from "../agent/audit.ts";
import { type DoorOptions, openDoor } from "../agent/door.ts";
import { openJournal } from "../agent/journal.ts";
import { openOutbox } from "../agent/outbox.ts";
import { whyNotTrusted } from "../agent/ownership.ts";
import { createDeliver, type DeliverOptions } from "../deliver/deliver.ts";
import { isSecret, keyOf } from "../deliver/sign.ts";
import { actionKinds } from "../model/failure-mode.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { createMask } from "../receive/privacy/redact-text.ts";
import { signedWithTime } from "../show/webhooks/signatures.ts";
import { lockDirectory } from "../store/journal/directory-lock.ts";
import { userError } from "./command.ts";
import { environmentOf } from "./config.ts";
import { makeDirectory } from "./data-directory.ts";
import { createUndo } from "./undo.ts";

export interface AgentOptions {
  /** For tests: how long a sender may take. */
  readonly door?: Pick<DoorOptions, "headersMs" | "requestMs">;
  readonly backoff?: DeliverOptions["backoff"];
}

export interface OpenAgent extends AsyncDisposable {
  readonly agent: Agent;
  readonly port: number;
}

const dayMs = 86_400_000;
const names = { id: "webhook-id", timestamp: "webhook-timestamp", signature: "webhook-signature" };

/** Throws a user's error, and opens nothing, where the host is not as the file needs it. */
export async function openAgent(file: AgentFile, telemetry: Telemetry, options: AgentOptions = {}): Promise<OpenAgent> {
  const now = (): number => Date.now();
  const keys = secretsOf(file.keys);
  const replyKeys = file.reply === undefined ? [] : secretsOf(file.reply.keys);
  const undo = createUndo(telemetry.log);
  try {
    makeDirectory(file.state);
    const why = whyNotTrusted(file.state);
    if (why !== undefined) throw userError(`the state folder ${file.state} ${why}`);
    const unlock = lockDirectory(file.state);
    undo.push("lock", unlock);
    const journal = openJournal(join(file.state, "journal.jsonl"), file.remember, now);
    undo.push("journal", journal.close);
    const audit = openAudit(file.state, now);
    undo.push("audit log", audit.close);
    const outbox = openOutbox(join(file.state, "outbox.jsonl"), file.remember + dayMs, now);
    undo.push("outbox", outbox.close);
    const deliver = createDeliver(deliverOptions(file, replyKeys, options), { records: outbox, telemetry, now });
    undo.push("delivery", () => deliver[Symbol.asyncDispose]());
    const notifier = file.reply === undefined ? undefined : deliver;
    const mask = createMask();
    const verify: Verify = ({ headers, body }) =>
      signedWithTime(
        { headers, body },
        names,
        keys,
        (key) => Buffer.from(keyOf(key, file.name)),
        now(),
        file.tolerance,
      );
    const agent = createAgent(file, { journal, audit, verify, notifier, mask, now, telemetry });
    undo.push("work", () => agent[Symbol.asyncDispose]());
    const door = await openDoor(doorOptions(file, options), agent);
    undo.push("door", () => door[Symbol.asyncDispose]());
    audit.write({ event: "start", agent: file.name, mode: file.mode, may: agent.may().map(({ may }) => may) });
    await deliver.resume();
    agent.resume();
    return { agent, port: door.port, [Symbol.asyncDispose]: () => undo[Symbol.asyncDispose]() };
  } catch (error) {
    await undo[Symbol.asyncDispose]();
    throw error;
  }
}

/** What is worth a look before it runs: what stands in the way here, and what nobody will ask for. */
export function remarksOn(file: AgentFile, may: readonly May[]): readonly string[] {
  const remarks = may.flatMap(({ rule, problems }) => {
    const isKnown = (actionKinds as readonly string[]).includes(rule.action) && rule.action !== "none";
    const unknown = isKnown ? [] : ["this version of Homeostat asks for no such action"];
    return [...problems, ...unknown].map((says) => `${rule.action} on ${rule.target}: ${says}`);
  });
  const keyProblems = [...file.keys, ...(file.reply?.keys ?? [])].flatMap((key) => keysOf([key]).problems);
  const isLocal = ["127.0.0.1", "::1", "localhost"].includes(file.listen.host);
  return [
    ...keyProblems,
    ...(isLocal || file.listen.tls !== undefined
      ? []
      : ["listen has no tls: requests can be read on the way, not forged"]),
    ...(file.reply === undefined ? ["reply is not set: results are told to nobody"] : []),
    ...(process.getuid?.() === 0
      ? ["it runs as root; a user of its own that may do no more than it needs is safer"]
      : []),
    ...remarks,
  ];
}

function secretsOf(sources: AgentFile["keys"]): readonly string[] {
  const { secrets, problems } = keysOf(sources);
  if (problems.length > 0) throw userError(`a key cannot be used, so nothing was started: ${problems.join("; ")}`);
  return secrets;
}

function keysOf(sources: AgentFile["keys"]) {
  return readKeys(sources, environmentOf, isSecret);
}

function deliverOptions({ reply }: AgentFile, secret: readonly string[], { backoff }: AgentOptions): DeliverOptions {
  const port = reply === undefined ? 0 : Number(new URL(reply.url).port);
  return {
    receivers: reply === undefined ? [] : [{ name: replyReceiver, url: reply.url, secret }],
    allow: reply?.allow ?? [],
    ports: [80, 443, ...(port > 0 ? [port] : [])],
    // As many as are remembered: after a start, each is offered again.
    maxPending: 100_000,
    maxAttempts: 20,
    ...(backoff === undefined ? {} : { backoff }),
  };
}

function doorOptions({ listen, bodyBytes }: AgentFile, { door }: AgentOptions): DoorOptions {
  const { host, port, path, tls } = listen;
  const about = { host, port, path, bodyBytes, ...door };
  if (tls === undefined) return about;
  for (const one of [tls.cert, tls.key])
    if (!existsSync(one)) throw userError(`listen.tls: ${one} is not there; name a PEM file`);
  return { ...about, tls: { cert: readFileSync(tls.cert, "utf8"), key: readFileSync(tls.key, "utf8") } };
}
