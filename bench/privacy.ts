// What masking and the facts of texts cost, in microseconds of CPU per kB of text, in one run: alone, and on top of decoding
// spans that bring prompts and answers.
import { createDecoder } from "../src/receive/decoder.ts";
import { maskText } from "../src/receive/privacy/mask.ts";
import { createTextReader } from "../src/receive/privacy/text-facts.ts";
import { addPiece } from "../src/receive/privacy/text-sample.ts";
import { encode } from "../test/receive/otlp-proto.ts";
import { cpuSecondsSince, median, printReport } from "./lib/report.ts";

const ROUNDS = 15;
const WARM_UP = 3;
const SPANS = 200;
const utf8 = new TextEncoder();
let state = 1;

const prose = utf8.encode(madeProse(4096));
const cyrillic = utf8.encode(madeProse(2048).replaceAll(/[a-z]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0x3cf)));
const log = utf8.encode(madeLog(4096));
const reader = createTextReader();

/** Facts of a question and an answer of that size, with what was copied. */
function facts(text: Uint8Array): void {
  reader.begin();
  addPiece(reader.input, text, 0, text.length);
  reader.readInput();
  addPiece(reader.output, text, 0, text.length);
  reader.readOutput();
}

// The same spans with text that is declared, and under a key nobody knows, dropped by a rule: only the facts differ.
const declared = madeBody("gen_ai.prompt", "gen_ai.completion");
const undeclared = madeBody("other.prompt", "other.completio");
const rules = [{ key: "other.*", action: "drop" }] as const;
const withFacts = createDecoder({ window: null });
const without = createDecoder({ window: null, privacy: { rules } });
const decode = (decoder: typeof withFacts, body: Uint8Array): void => {
  const answer = decoder.decode("traces", "protobuf", body, 0);
  if (answer.kind !== "decoded") throw new Error(answer.says);
  decoder.seal();
};

const bodyKb = (SPANS * prose.length * 2) / 1000;
const work = {
  facts_us_per_kb: { run: () => facts(prose), kb: (prose.length * 2) / 1000 },
  facts_cyrillic_us_per_kb: { run: () => facts(cyrillic), kb: (cyrillic.length * 2) / 1000 },
  mask_prose_us_per_kb: { run: () => maskText(prose, 0, prose.length), kb: prose.length / 1000 },
  mask_log_us_per_kb: { run: () => maskText(log, 0, log.length), kb: log.length / 1000 },
  decode_with_facts_us_per_kb: { run: () => decode(withFacts, declared), kb: bodyKb },
  decode_without_facts_us_per_kb: { run: () => decode(without, undeclared), kb: bodyKb },
};
type Name = keyof typeof work;
const measured = Object.fromEntries(Object.keys(work).map((name) => [name, [] as number[]])) as Record<Name, number[]>;
for (let round = 0; round < ROUNDS + WARM_UP; round++)
  for (const name of Object.keys(work) as Name[]) {
    const { run, kb } = work[name];
    const times = Math.ceil(4000 / kb);
    const start = process.cpuUsage();
    for (let i = 0; i < times; i++) run();
    if (round >= WARM_UP) measured[name].push((cpuSecondsSince(start) * 1e6) / (times * kb));
  }
const figures = Object.fromEntries(Object.entries(measured).map(([name, all]) => [name, round2(median(all))]));
const onTop = measured.decode_with_facts_us_per_kb.map(
  (value, i) => value - measured.decode_without_facts_us_per_kb[i]!,
);
printReport({
  bench: "privacy",
  figures: { ...figures, facts_on_top_us_per_kb: round2(median(onTop)) },
  goals: [
    { figure: "facts_us_per_kb", op: "<=", goal: 10 },
    { figure: "facts_on_top_us_per_kb", op: "<=", goal: 10 },
    { figure: "mask_log_us_per_kb", op: "<=", goal: 10 },
  ],
});

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

/** Words of all lengths, with the stops and lines of prose. */
function madeProse(bytes: number): string {
  const common = "the of and to in is that for it was with as on be at by this have from or".split(" ");
  let text = "";
  while (text.length < bytes) {
    const word = random() < 0.4 ? common[Math.floor(random() * common.length)]! : madeWord();
    text += word + (random() < 0.1 ? ".\n" : random() < 0.08 ? ", " : " ");
  }
  return text.slice(0, bytes);
}

function madeWord(): string {
  return Array.from({ length: 3 + Math.floor(random() * 8) }, () =>
    String.fromCharCode(97 + Math.floor(random() * 26)),
  ).join("");
}

function madeLog(bytes: number): string {
  let text = "";
  while (text.length < bytes) {
    const tokens = (random() * 3000).toFixed(1);
    text += `INFO 11-24 00:${10 + Math.floor(random() * 50)}:07 [loggers.py:118] Engine 000: Avg generation throughput: ${tokens} tokens/s, Running: 10 reqs, GPU KV cache usage: 19.3%, from 10.0.0.7:51342 "POST /v1/chat/completions HTTP/1.1" 200\n`;
  }
  return text.slice(0, bytes);
}

function madeBody(prompt: string, completion: string): Uint8Array {
  const stringValue = new TextDecoder().decode(prose);
  const spans = Array.from({ length: SPANS }, (_, i) => ({
    traceId: new Uint8Array(16).fill(1 + (i % 200)),
    spanId: new Uint8Array(8).fill(1 + (i % 200)),
    name: "chat",
    startTimeUnixNano: "1763900000000000000",
    endTimeUnixNano: "1763900001000000000",
    attributes: [
      { key: "gen_ai.operation.name", value: { stringValue: "chat" } },
      { key: prompt, value: { stringValue } },
      { key: completion, value: { stringValue } },
    ],
  }));
  return encode("traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
}
