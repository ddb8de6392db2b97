// A whole writer process to be killed: opens the store in argv[2], appends gauge batches, tells each promise on stdout.
// Runs the compiled code, so it is plain JavaScript; the test hands the batches' bytes in as a template.
import { writeSync } from "node:fs";

const [, , dist, directory, start, silent, database, url] = process.argv;
const { openStore } = await import(`${dist}/store/store.js`);
const { silentTelemetry } = await import(`${dist}/model/ports/telemetry.js`);
const server = url === "" ? {} : { url };
const store = await openStore({ directory, database, now: Date.now, diskFloorBytes: 1, ...server }, silentTelemetry);
const rows = 50;

function batch(number) {
  const values = new Float64Array(rows).fill(number);
  const hashes = BigUint64Array.from({ length: rows }, (_, i) => BigInt(i));
  const times = new BigInt64Array(rows).fill(1767312000000000000n + BigInt(number % 2) * 86400000000000n);
  const bytes = (array) => new Uint8Array(array.buffer);
  return {
    table: number % 3 === 0 ? "otel_metrics_sum" : "otel_metrics_gauge",
    rows,
    columns: [
      { name: "SeriesHash", type: "UInt64", bytes: bytes(hashes) },
      { name: "TimeUnix", type: "DateTime64(9)", bytes: bytes(times) },
      { name: "Value", type: "Float64", bytes: bytes(values) },
    ],
  };
}

writeSync(1, "open\n");
// Nothing else keeps it alive where no engine is its child.
if (silent === "once") setInterval(() => {}, 60_000);
else {
  let next = Number(start);
  const writer = async () => {
    for (;;) {
      const number = next++;
      await store.journal.append([batch(number)], [`key-${number}`]);
      writeSync(1, `${number}\n`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  await Promise.all([writer(), writer(), writer()]);
}
