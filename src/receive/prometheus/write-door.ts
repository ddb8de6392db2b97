// Prometheus remote write 1.0 and 2.0 over HTTP: POST /api/v1/write, protobuf in a snappy block. Answers as Prometheus
// expects: 204 taken, 4xx never send again, 429 too fast, 503 send again later. 2.0 says 400 where any part was refused,
// and how much was written in every answer.
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
import { type RemoteWrite, type RemoteWriteState, remoteWriteToOtlp } from "./remote-write.ts";
import { type RemoteWrite2, remoteWrite2ToOtlp } from "./remote-write-2.ts";
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
    const version = versionOf(request.headers["content-type"] ?? "application/x-protobuf");
    if (version === undefined) return answer(415, `Content-Type must be ${protobuf}, without proto or with ${known}`);
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
      const written = await take(tenant, version, plain.bytes, body.key);
      if (version === 2)
        for (const [what, count] of Object.entries(written.counts)) response.setHeader(headerOf(what), count);
      answer(written.status, written.says);
    } finally {
      intake.release(tenant, claimed);
    }
  };

  async function take(tenant: string, version: 1 | 2, bytes: Uint8Array, key: string): Promise<Written> {
    const nothing = { Samples: 0, Histograms: 0, Exemplars: 0 };
    const translate = version === 1 ? remoteWriteToOtlp : remoteWrite2ToOtlp;
    let translated: RemoteWrite & Partial<RemoteWrite2>;
    try {
      translated = translate(bytes, stateOf(tenant));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return { status: error.name === "TooLarge" ? 413 : 400, says: error.message, counts: nothing };
    }
    const { requests, samples, unsupported, duplicates, exemplars = 0, refused = [] } = translated;
    if (unsupported > 0) telemetry.count("homeostat.receive.dropped", unsupported, { reason: "native-histogram" });
    if (duplicates > 0) telemetry.count("homeostat.receive.dropped", duplicates, { reason: "ha-duplicate" });
    const answers = await Promise.all(
      requests.map((body, i) =>
        intake.submit({ tenant, signal: "metrics", encoding: "protobuf", body, key: `${key}-${i}` }),
      ),
    );
    if (deps.now() - sweptAt > sweepMs) {
      sweptAt = deps.now();
      for (const { starts } of states.values()) starts.sweep(sweptAt - sweepMs);
    }
    const worst = worstOf(answers);
    if (worst.kind !== "accepted") {
      // How much of it is stored is not told by part; nothing is safe to say, and the parts taken are known at a resend.
      const status = { malformed: 400, "too-large": 413, failed: 500, busy: 503 }[worst.kind];
      return { status, says: worst.says, counts: nothing };
    }
    const rejected = answers.reduce((sum, one) => sum + (one.kind === "accepted" ? one.rejected : 0), 0);
    const counts = { Samples: Math.max(0, samples - rejected), Histograms: 0, Exemplars: exemplars };
    const says = [...refused, ...answers.map((one) => one.says).filter((text) => text !== "")].join("; ");
    const status = version === 2 && (refused.length > 0 || rejected > 0) ? 400 : 204;
    return { status, says, counts };
  }
}

interface Written {
  readonly status: number;
  readonly says: string;
  readonly counts: { readonly Samples: number; readonly Histograms: number; readonly Exemplars: number };
}

const protobuf = "application/x-protobuf";
const known = "proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request";

function headerOf(what: string): string {
  return `X-Prometheus-Remote-Write-${what}-Written`;
}

/** Which message a Content-Type says the body is; undefined for one that is not known. */
function versionOf(contentType: string): 1 | 2 | undefined {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim());
  if (type.toLowerCase() !== protobuf) return undefined;
  const proto = parameters.find((parameter) => /^proto\s*=/i.test(parameter))?.replace(/^proto\s*=\s*/i, "");
  if (proto === undefined || proto.replaceAll('"', "") === "prometheus.WriteRequest") return 1;
  return proto.replaceAll('"', "") === "io.prometheus.write.v2.Request" ? 2 : undefined;
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
