// Prometheus remote write 1.0 over HTTP: POST /api/v1/write, protobuf in a snappy block. Answers as Prometheus expects:
// 204 taken, 4xx never send again, 503 send again later.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { type BodyLimits, readBody } from "../body.ts";
import type { Authenticate } from "../credentials.ts";
import { peerOf, statusOf } from "../http-door.ts";
import type { Intake, IntakeAnswer } from "../intake.ts";
import { limits } from "../limits.ts";
import { isRefusal } from "../wire.ts";
import { createHaTracker } from "./ha-tracker.ts";
import { type RemoteWriteState, remoteWriteToOtlp } from "./remote-write.ts";
import { snappyDecompress } from "./snappy.ts";
import { createStartTimes } from "./start-times.ts";

export interface WriteDoorDeps {
  readonly intake: Intake;
  readonly authenticate: Authenticate;
  readonly telemetry: Telemetry;
  readonly now: () => number;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const seriesMax = 200_000;
const failoverMs = 30_000;
const sweepMs = 3_600_000;

export function createWriteDoor(options: { body: BodyLimits }, deps: WriteDoorDeps): Handler {
  const { intake, telemetry } = deps;
  /** Types, start times and replicas of one tenant say nothing of another's. Tenants are configured, so few. */
  const states = new Map<string, RemoteWriteState>();
  const stateOf = (tenant: string): RemoteWriteState => {
    const known = states.get(tenant);
    if (known !== undefined) return known;
    const ha = createHaTracker(failoverMs);
    const made: RemoteWriteState = {
      types: new Map(),
      starts: createStartTimes(seriesMax),
      accepts: (cluster, replica) => ha.accept(cluster, replica, deps.now()),
    };
    states.set(tenant, made);
    return made;
  };
  let sweptAt = deps.now();

  return async (request, response) => {
    const answer = (status: number, says: string): void => reply(request, response, status, says);
    if (request.method !== "POST") return answer(405, "use POST");
    const tenant = deps.authenticate(request.headers.authorization, peerOf(request));
    if (tenant === undefined) return answer(401, "credentials are missing or wrong; send an Authorization header");
    const type = request.headers["content-type"] ?? "application/x-protobuf";
    if (!type.startsWith("application/x-protobuf") || type.includes("io.prometheus.write.v2")) {
      return answer(
        415,
        "only remote write 1.0 is taken: application/x-protobuf without proto=io.prometheus.write.v2.Request",
      );
    }
    if ((request.headers["content-encoding"] ?? "snappy") !== "snappy")
      return answer(415, "Content-Encoding must be snappy");
    const refusal = intake.refusal(tenant, "metrics");
    if (refusal !== undefined)
      return reply(request, response, statusOf(refusal), refusal.says, refusal.retryAfterSeconds);
    let claimed = 0;
    const claim = (bytes: number): boolean => {
      const got = intake.claim(tenant, bytes);
      if (got) claimed += bytes;
      return got;
    };
    try {
      const body = await readBody(
        request,
        false,
        createHash("sha256").update(`${tenant}\u0000write`),
        options.body,
        claim,
      );
      if (body.kind === "gone") return;
      if (body.kind !== "read") return answer({ malformed: 400, "too-large": 413, busy: 503 }[body.kind], body.says);
      const plain = snappyDecompress(body.bytes, options.body.inflatedBytes);
      if (!plain.ok) return answer(plain.tooLarge ? 413 : 400, plain.why);
      if (!claim(plain.bytes.length)) return answer(503, "too much is in flight; send again later");
      await take(tenant, plain.bytes, body.key, answer);
    } finally {
      intake.release(tenant, claimed);
    }
  };

  async function take(
    tenant: string,
    bytes: Uint8Array,
    key: string,
    answer: (status: number, says: string) => void,
  ): Promise<void> {
    let translated: ReturnType<typeof remoteWriteToOtlp>;
    try {
      translated = remoteWriteToOtlp(bytes, stateOf(tenant));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return answer(error.name === "TooLarge" ? 413 : 400, error.message);
    }
    if (translated.unsupported > 0)
      telemetry.count("homeostat.receive.dropped", translated.unsupported, { reason: "native-histogram" });
    if (translated.duplicates > 0)
      telemetry.count("homeostat.receive.dropped", translated.duplicates, { reason: "ha-duplicate" });
    const parts = translated.requests.map((body, i) =>
      intake.submit({ tenant, signal: "metrics", encoding: "protobuf", body, key: `${key}-${i}` }),
    );
    const worst = worstOf(await Promise.all(parts));
    if (worst.kind === "accepted") answer(204, worst.says);
    else answer({ malformed: 400, "too-large": 413, failed: 500, busy: 503 }[worst.kind], worst.says);
    if (deps.now() - sweptAt > sweepMs) {
      sweptAt = deps.now();
      for (const { starts } of states.values()) starts.sweep(sweptAt - sweepMs);
    }
  }
}

/** A retry helps if any part may be sent again: the parts already taken are recognised as a resend. */
function worstOf(answers: readonly IntakeAnswer[]): IntakeAnswer {
  const order = ["busy", "failed", "too-large", "malformed", "accepted"];
  const accepted: IntakeAnswer = { kind: "accepted", rejected: 0, says: "" };
  return answers.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))[0] ?? accepted;
}

function reply(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  says: string,
  retryAfterSeconds: number = limits.retryAfterSeconds,
): void {
  if (status === 503 || status === 429) response.setHeader("Retry-After", String(retryAfterSeconds));
  if (status === 405) response.setHeader("Allow", "POST");
  if (status === 401) response.setHeader("WWW-Authenticate", "Bearer");
  if (!request.complete) response.setHeader("Connection", "close");
  if (status === 204) response.writeHead(204).end();
  else response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(`${says}\n`);
}
