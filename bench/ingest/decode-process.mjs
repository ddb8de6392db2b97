// Decoding beside protobufjs in a process that runs compiled code only: under a loader for TypeScript, the compiled
// decoder is slowed by a third and protobufjs by a fifth, which no service is.
import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
import { createDecoder } from "../../dist/receive/decoder.js";

const rounds = 15;
const warmUpRounds = 4;

process.once("message", ({ schema, type, signal, files }) => {
  const message = protobuf.Root.fromJSON(schema).lookupType(type);
  // Each side gets the bytes as they reach it in a service: plain arrays cross to our thread, a server of one thread has Buffers.
  const buffers = files.map((file) => readFileSync(file));
  const plain = buffers.map((body) => Uint8Array.from(body));
  const decoder = createDecoder({ window: null });
  let items = 0;
  const ours = () => {
    items = 0;
    for (const body of plain) {
      const answer = decoder.decode(signal, "protobuf", body, 0);
      if (answer.kind !== "decoded") throw new Error(`a body of ${signal} is ${answer.kind}: ${answer.says}`);
      items += answer.accepted;
    }
    decoder.promised(decoder.seal());
  };
  const theirs = () => {
    for (const body of buffers) message.decode(body);
  };
  const rate = (work, times) => {
    const start = process.cpuUsage();
    for (let i = 0; i < times; i++) work();
    const { user, system } = process.cpuUsage(start);
    return (items * times) / ((user + system) / 1e6);
  };
  const rates = { ours: [], theirs: [] };
  ours();
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    // Who goes first changes each round: neither side always has the machine as the other left it.
    const oursFirst = round % 2 === 0 ? rate(ours, 3) : undefined;
    const theirRate = rate(theirs, 1);
    const ourRate = oursFirst ?? rate(ours, 3);
    if (round < warmUpRounds) continue;
    rates.ours.push(ourRate);
    rates.theirs.push(theirRate);
  }
  process.send(rates, () => process.disconnect());
});
