// What one tenant may take, and that it takes nothing from the others: rates, memory, and how refusals are told.
import { Client, credentials as grpcCredentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { createRateLimiter } from "../../src/receive/rates.ts";
import { openReceive, type Receive, type ReceiveOptions } from "../../src/receive/receive.ts";
import { createShares } from "../../src/receive/shares.ts";
import { post } from "./door-client.ts";
import { countingTelemetry, createMemoryJournal, type MemoryJournal } from "./memory-journal.ts";
import { gaugeRequest, logRequest, nowMs, spanRequest } from "./payloads.ts";

const mib = 1024 * 1024;
const tokens = { noisy: "token-noisy", quiet: "token-quiet" };
let receive: Receive | undefined;
let journal: MemoryJournal;
let clockMs = nowMs;
let counts: ReturnType<typeof countingTelemetry>;

async function open(options: Partial<ReceiveOptions>): Promise<Receive> {
  journal = createMemoryJournal();
  counts = countingTelemetry();
  clockMs = nowMs;
  receive = await openReceive(
    {
      host: "127.0.0.1",
      httpPort: 0,
      grpcPort: 0,
      window: null,
      credentials: Object.entries(tokens).map(([tenant, secret]) => ({ kind: "bearer", secret, tenant })),
      ...options,
    },
    { journal, telemetry: counts.telemetry, now: () => clockMs },
  );
  return receive;
}
afterEach(async () => {
  await receive?.[Symbol.asyncDispose]();
  receive = undefined;
});

const send = (tenant: keyof typeof tokens, body: Uint8Array, path = "/v1/traces") =>
  post(receive!.httpPort, body, { Authorization: `Bearer ${tokens[tenant]}` }, path);

async function overGrpc(tenant: keyof typeof tokens, body: Uint8Array): Promise<ServiceError | undefined> {
  const client = new Client(`127.0.0.1:${receive!.grpcPort}`, grpcCredentials.createInsecure());
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${tokens[tenant]}`);
  const same = (bytes: Buffer): Buffer => bytes;
  const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(path, same, same, Buffer.from(body), metadata, (error) => resolve(error ?? undefined));
    });
  } finally {
    client.close();
  }
}

describe("the rate of a tenant", () => {
  it("is kept over any stretch of time: never more than rate and burst, never less than the rate if asked for", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 700 }), bytes: fc.integer({ min: 0, max: 5000 }) }), {
          minLength: 1,
          maxLength: 80,
        }),
        (requests) => {
          const limiter = createRateLimiter({
            otherwise: {},
            tenants: { t: { requestsPerSecond: 5, bytesPerSecond: 4000 } },
          });
          let now = 0;
          let taken = 0;
          let bytes = 0;
          let last = 0;
          for (const request of requests) {
            now += request.afterMs;
            const waitMs = limiter.admit("t", now);
            expect(limiter.admit("unlimited", now)).toBe(0);
            if (waitMs > 0) {
              // What it says is enough, and not more than enough.
              const probe = limiter.admit("t", now + waitMs);
              expect(probe).toBe(0);
              now += waitMs;
            }
            taken++;
            bytes += last = request.bytes;
            limiter.charge("t", request.bytes, now);
          }
          expect(taken).toBeLessThanOrEqual(10 + (now / 1000) * 5 + 1);
          // A body is charged after it came, so the last one may be beyond.
          expect(bytes - last).toBeLessThanOrEqual(8000 + (now / 1000) * 4000 + 5000);
        },
      ),
    );
  });

  it("leaves the other tenants theirs: nine of ten of their requests come through while one sends ten times its own", async () => {
    await open({ rates: { otherwise: { requestsPerSecond: 20 }, tenants: {} } });
    const outcome = { noisy: [0, 0], quiet: [0, 0] };
    let n = 0;
    for (let tick = 0; tick < 20; tick++) {
      clockMs += 100;
      const wanted = [...Array<"noisy">(20).fill("noisy"), "quiet", "quiet"] as const;
      const answers = await Promise.all(
        wanted.map(async (tenant) => [tenant, (await send(tenant, spanRequest(`${tenant} ${n++}`))).status] as const),
      );
      for (const [tenant, status] of answers) outcome[tenant][status === 200 ? 0 : 1]!++;
    }
    const [taken, refused] = outcome.quiet;
    expect(taken! / (taken! + refused!)).toBeGreaterThanOrEqual(0.9);
    // The noisy one had its burst of two seconds and its rate for the 1.9 s behind its first request.
    expect(outcome.noisy[0]).toBe(78);
    expect(counts.total("homeostat.receive.dropped_requests", { reason: "rate-limit", tenant: "noisy" })).toBe(322);
    expect(journal.rows("otel_traces", "quiet")).toHaveLength(taken!);
  });

  it("is told as the client's to mend: 429 with the seconds to wait, RESOURCE_EXHAUSTED with RetryInfo", async () => {
    await open({ rates: { otherwise: {}, tenants: { noisy: { bytesPerSecond: 10 } } } });
    expect((await send("noisy", spanRequest("a"))).status).toBe(200);
    const limited = await send("noisy", spanRequest("b"));
    expect(limited.status).toBe(429);
    const seconds = Number(limited.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(0);
    expect(limited.body.toString()).toContain("tenant noisy sends faster than it may; send less");
    const error = await overGrpc("noisy", spanRequest("c"));
    expect(error?.code).toBe(8);
    expect(error?.metadata.get("grpc-status-details-bin").toString()).toContain("RetryInfo");
    expect((await send("quiet", spanRequest("d"))).status).toBe(200);
    clockMs += seconds * 1000;
    expect((await send("noisy", spanRequest("b"))).status).toBe(200);
  });
});

describe("our own trouble", () => {
  it("is told as ours: 503 and UNAVAILABLE, to every tenant alike, and costs nobody of his rate", async () => {
    await open({ rates: { otherwise: { requestsPerSecond: 1 }, tenants: {} } });
    journal.state = { ...journal.state, writable: false, reason: "disk full" };
    for (let i = 0; i < 5; i++) {
      const answer = await send("quiet", spanRequest("a"));
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(answer.body.toString()).toContain("disk full");
    }
    expect((await overGrpc("quiet", spanRequest("a")))?.code).toBe(14);
    journal.state = { ...journal.state, writable: true };
    expect((await send("quiet", spanRequest("a"))).status).toBe(200);
  });

  it("sheds traces and logs before metrics", async () => {
    await open({});
    const statuses = async (backlogBytes: number): Promise<number[]> => {
      journal.state = { backlogBytes, backlogLimitBytes: 1000, writable: true };
      const answers = [
        await send("quiet", spanRequest(`s${backlogBytes}`)),
        await send("quiet", logRequest(`l${backlogBytes}`), "/v1/logs"),
        await send("quiet", gaugeRequest(`m${backlogBytes}`, 1), "/v1/metrics"),
      ];
      return answers.map(({ status }) => status);
    };
    expect(await statuses(790)).toEqual([200, 200, 200]);
    expect(await statuses(800)).toEqual([503, 503, 200]);
    expect(await statuses(950)).toEqual([503, 503, 503]);
  });
});

describe("a budget that is shared", () => {
  it("is one tenant's alone while there is one, and leaves room for others that come", () => {
    const shares = createShares(64 * mib);
    expect(shares.take("noisy", 64 * mib)).toBe(true);
    expect(shares.take("noisy", 1)).toBe(false);
    expect(shares.take("quiet", 8 * mib)).toBe(true);
    expect(shares.take("third", 8 * mib)).toBe(true);
    expect(shares.take("quiet", 8 * mib)).toBe(false);
    shares.give("noisy", 32 * mib);
    expect(shares.take("quiet", 8 * mib)).toBe(true);
  });

  it("is never overdrawn, and whole again when all is given back", () => {
    const step = fc.record({
      tenant: fc.constantFrom("a", "b", "c", "d"),
      amount: fc.integer({ min: 1, max: 60 }),
      back: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const shares = createShares(100);
        const held: [string, number][] = [];
        for (const { tenant, amount, back } of steps) {
          const last = held.at(-1);
          if (back && last !== undefined) {
            held.pop();
            shares.give(...last);
          } else if (shares.take(tenant, amount)) held.push([tenant, amount]);
          expect(held.reduce((sum, [, one]) => sum + one, 0)).toBeLessThanOrEqual(125);
        }
        for (const one of held) shares.give(...one);
        expect(shares.take("e", 100)).toBe(true);
      }),
    );
  });
});
