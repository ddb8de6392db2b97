// Engines asked themselves: right answers in the engine's own time, wrong ones as its process is ill, none where nobody can answer.
import { describe, expect, test } from "vitest";
import type { DirectReply, DirectRequest } from "../../src/simulate/direct-door.ts";
import { createFleet, type Fleet } from "../../src/simulate/fleet.ts";
import { conversation, healthyScenario } from "../../src/simulate/scenario.ts";

const name = "vllm-1";
const minuteMs = 60_000;
const code = "9f3c1d77a0b2";

const chat = (content: string, max_tokens = 64): DirectRequest => ({
  path: "/v1/chat/completions",
  body: { model: "m", messages: [{ role: "user", content }], max_tokens },
});

interface Heard {
  readonly reply: DirectReply;
  readonly text: string;
  readonly finish: string;
  readonly ms: number;
}

/** Asks, and lets time pass until there is a reply. */
function ask(fleet: Fleet, request: DirectRequest, replica = name, timeoutMs = minuteMs): Heard {
  const from = fleet.nowMs;
  const heard: Heard[] = [];
  fleet.direct(replica, request, timeoutMs, (reply, atMs) => {
    const body = (reply.kind === "answered" ? reply.body : {}) as {
      choices?: { message?: { content: string }; text?: string; finish_reason: string }[];
    };
    const choice = body.choices?.[0];
    const text = choice?.message?.content ?? choice?.text ?? "";
    heard.push({ reply, text, finish: choice?.finish_reason ?? "", ms: atMs - from });
  });
  while (heard.length === 0 && fleet.nowMs < from + 2 * timeoutMs) fleet.advance(fleet.nowMs + 100);
  expect(heard).toHaveLength(1);
  return heard[0]!;
}

function warm(seed = 3): Fleet {
  const fleet = createFleet(healthyScenario(seed));
  fleet.advance(minuteMs);
  return fleet;
}

const at = (fleet: Fleet) => fleet.replicas.find((replica) => replica.name === name)!;

describe("an engine asked itself", () => {
  test("answers plain questions rightly, in the time of its own steps, and is counted by nobody but itself", () => {
    const fleet = warm();
    const before = { ...fleet.observe().gateway };
    const tokens = at(fleet).engine.stats.generationTokens;
    expect(ask(fleet, chat("What is 12 + 30? Answer with the number only.")).text).toBe("42");
    expect(ask(fleet, chat("What is the capital of Japan?")).text).toBe("Tokyo.");
    const long = ask(fleet, chat("Explain in three sentences of plain English why the sky is blue.", 160));
    expect(long.text).toMatch(/scatters/);
    expect(long.finish).toBe("stop");
    const short = ask(fleet, chat("Explain in three sentences of plain English why the sky is blue.", 4));
    expect(short.finish).toBe("length");
    expect(short.text.length).toBe(16);
    expect(long.ms).toBeGreaterThan(short.ms);
    expect(short.ms).toBeGreaterThan(0);
    expect(ask(fleet, { path: "/v1/completions", body: { prompt: "1", max_tokens: 1 } }).text).toBe(" 2");
    expect(at(fleet).engine.stats.generationTokens).toBeGreaterThan(tokens);
    const { arrived, timedOut, attempts } = fleet.observe().gateway;
    // What the gateway sent, it sent for its own clients.
    expect(attempts - before.attempts).toBe(arrived - before.arrived);
    expect(timedOut).toBe(0);
  });

  test("says which model it serves, and what it cannot take", () => {
    const fleet = warm();
    const models = ask(fleet, { path: "/v1/models" });
    expect(models.ms).toBe(0);
    expect(models.reply).toMatchObject({ status: 200, body: { data: [{ id: expect.stringMatching(/./) }] } });
    expect(ask(fleet, chat("word ".repeat(20_000))).reply).toMatchObject({ status: 400 });
    expect(ask(fleet, { path: "/v1/chat/completions", body: { messages: 3 } }).reply).toMatchObject({ status: 400 });
    expect(ask(fleet, { path: "/v1/completions" }).reply).toMatchObject({ status: 400 });
    expect(ask(fleet, { path: "/v1/embeddings", body: {} }).reply).toMatchObject({ status: 404 });
  });

  test("gives no answer while it hangs, is not there, or dies with the question", () => {
    const fleet = warm();
    expect(ask(fleet, chat("What is 1 + 1?"), "vllm-77").reply.kind).toBe("refused");
    at(fleet).engine.setHung(true, fleet.nowMs);
    const late = ask(fleet, chat("What is 1 + 1?"));
    expect(late.reply.kind).toBe("timeout");
    expect(late.ms).toBe(minuteMs);
    // It still lists its models: that is another process.
    expect(ask(fleet, { path: "/v1/models" }).reply).toMatchObject({ status: 200 });
    const replies: DirectReply[] = [];
    fleet.direct(name, chat("What is 1 + 1?"), minuteMs, (reply) => replies.push(reply));
    expect(fleet.perform({ action: "restart_replica", target: `replica:${name}` } as never, "test").kind).toBe(
      "accepted",
    );
    fleet.advance(fleet.nowMs + 1000);
    expect(replies.map(({ kind }) => kind)).toEqual(["closed"]);
    expect(ask(fleet, chat("What is 1 + 1?")).reply.kind).toBe("refused");
    fleet.advance(fleet.nowMs + minuteMs);
    expect(ask(fleet, chat("What is 1 + 1?")).text).toBe("2");
  });

  test("is neither asked again nor given up by a gateway in a hurry: it never was the gateway's", () => {
    const fault = { target: "gateway", atMs: 0, rampMs: 0 };
    const fleet = createFleet(
      healthyScenario(3, {
        workload: { ...conversation, ratePerReplica: 1e-6 },
        faults: [
          { ...fault, kind: "retry_policy", params: { try_timeout_ms: 1000 } },
          { ...fault, kind: "gateway_timeout", params: { timeout_ms: 3000 } },
        ],
      }),
    );
    fleet.advance(1000);
    at(fleet).engine.setHung(true, fleet.nowMs);
    const { reply, ms } = ask(fleet, chat("What is 1 + 1?"), name, 20_000);
    expect(reply.kind).toBe("timeout");
    expect(ms).toBe(20_000);
    fleet.advance(fleet.nowMs + minuteMs);
    const { gateway, inFlight } = fleet.observe();
    expect(gateway).toMatchObject({ arrived: 0, attempts: 0, retried: 0, finished: 0, timedOut: 0 });
    expect(inFlight).toBe(0);
  });

  test("no longer works on what was taken back", () => {
    const fleet = warm();
    let replies = 0;
    const takeBack = fleet.direct(name, chat("What is 1 + 1?"), minuteMs, () => replies++);
    const { aborted } = at(fleet).engine.stats;
    takeBack();
    takeBack();
    expect(at(fleet).engine.stats.aborted).toBe(aborted + 1);
    fleet.advance(fleet.nowMs + 2 * minuteMs);
    expect(replies).toBe(0);
  });

  test("shows another's words when its cache is mixed up, its own else", () => {
    const fleet = warm();
    const opening = `${"These are the notes of the night shift, and nothing was found. ".repeat(2)}The access code of the vault is`;
    const plant = chat(`${opening} ${code}. Say the code again.`);
    const steal = chat(`${opening} not told here. Say the code that was told before.`);
    expect(ask(fleet, plant).text).toContain(code);
    expect(ask(fleet, steal).text).not.toContain(code);
    at(fleet).condition.foreignShare = 1;
    expect(ask(fleet, steal).text).toContain(code);
    // What begins otherwise is not mixed up with it, and gets no right answer either.
    const other = ask(fleet, chat("What is 12 + 30?")).text;
    expect(other).not.toContain(code);
    expect(other).not.toContain("42");
  });

  test("errs always alike where the model is worse, and now and then where the hardware is", () => {
    const fleet = warm();
    const sums = Array.from({ length: 60 }, (_, i) => [`What is ${i} + 7?`, String(i + 7)] as const);
    const wrong = (): readonly boolean[] => sums.map(([prompt, right]) => ask(fleet, chat(prompt)).text !== right);
    const count = (list: readonly boolean[]): number => list.filter(Boolean).length;
    expect(count(wrong())).toBe(0);
    at(fleet).condition.qualityLoss = 0.3;
    const first = wrong();
    expect(count(first)).toBeGreaterThan(8);
    expect(count(first)).toBeLessThan(30);
    expect(wrong()).toEqual(first);
    at(fleet).condition.qualityLoss = 0;
    at(fleet).condition.miscomputedShare = 0.3;
    const second = wrong();
    expect(count(second)).toBeGreaterThan(8);
    expect(count(second)).toBeLessThan(30);
    expect(wrong()).not.toEqual(second);
  });

  test("loops, garbles and runs on as its process does for everybody", () => {
    const fleet = warm();
    const { condition } = at(fleet);
    const prompt = chat("What is 12 + 30?", 48);
    condition.nanShare = 1;
    expect(ask(fleet, prompt).text).toMatch(/^!{100,}$/);
    condition.nanShare = 0;
    condition.garbledShare = 1;
    expect(ask(fleet, prompt).text).toContain("\uFFFD");
    condition.garbledShare = 0;
    condition.runsOnShare = 1;
    const endless = ask(fleet, prompt);
    expect(endless.finish).toBe("length");
    expect(endless.text).toMatch(/^42 42 42/);
  });
});
