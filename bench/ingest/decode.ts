// How many items a second of CPU get from wire bytes to insertable columns, beside protobufjs decoding the same bytes.
import { cpuSecondsSince, median } from "../lib/report.ts";
import type { Signal } from "./bodies.ts";
import { decodeNaively } from "./naive-rows.ts";

export interface DecodeRates {
  /** Items per CPU-second, medians. */
  readonly ours: number;
  readonly protobufjs: number;
  /** Median of the ratios of neighbouring rounds. */
  readonly ratio: number;
}

const rounds = 9;
const warmUpRounds = 3;
/** The compiled decoder, as it runs in the service: a bench's own compilation would measure something else. */
type DecoderModule = typeof import("../../src/receive/decoder.ts");
const compiled = new URL("../../dist/receive/decoder.js", import.meta.url).href;

export async function decodeRates(signal: Signal, bodies: readonly Uint8Array[]): Promise<DecodeRates> {
  const { createDecoder } = (await import(compiled)) as DecoderModule;
  const decoder = createDecoder({ window: null });
  // Each side gets the bytes as they reach it in a service: plain arrays cross to our thread, a server of one thread has Buffers.
  const plain = bodies.map((body) => Uint8Array.from(body));
  const buffers = bodies.map((body) => Buffer.from(body));
  const ours = (): number => {
    let items = 0;
    for (const body of plain) {
      const answer = decoder.decode(signal, "protobuf", body, 0);
      if (answer.kind !== "decoded") throw new Error(`a body of ${signal} is ${answer.kind}: ${answer.says}`);
      items += answer.accepted;
    }
    decoder.promised(decoder.seal());
    return items;
  };
  const items = ours();
  const theirs = (): number => {
    for (const body of buffers) decodeNaively(signal, body);
    return items;
  };
  const rates = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    // Who goes first changes each round: neither side always has the machine as the other left it.
    const oursFirst = round % 2 === 0 ? rate(ours, 3) : undefined;
    const theirRate = rate(theirs, 1);
    const ourRate = oursFirst ?? rate(ours, 3);
    if (round < warmUpRounds) continue;
    rates.ours.push(ourRate);
    rates.theirs.push(theirRate);
  }
  return {
    ours: median(rates.ours),
    protobufjs: median(rates.theirs),
    ratio: median(rates.ours.map((one, i) => one / rates.theirs[i]!)),
  };
}

function rate(work: () => number, times: number): number {
  const start = process.cpuUsage();
  let items = 0;
  for (let i = 0; i < times; i++) items += work();
  return items / cpuSecondsSince(start);
}
