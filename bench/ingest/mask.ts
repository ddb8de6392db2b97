// What masking log bodies costs: engine lines, which are full of numbers that are nobody's, and now and then an address.
import type { Random } from "../../src/math/random.ts";
import { cpuSecondsSince, median } from "../lib/report.ts";
import { line } from "./bodies.ts";

const rounds = 15;
const warmUpRounds = 3;
const lines = 4000;
/** The compiled module, as it runs in the service. */
type MaskModule = typeof import("../../src/receive/privacy/mask.ts");
const compiled = new URL("../../dist/receive/privacy/mask.js", import.meta.url).href;

/** CPU microseconds for a thousand bytes of log bodies, median over rounds. */
export async function maskCostPerKb(random: Random): Promise<number> {
  const { maskText } = (await import(compiled)) as MaskModule;
  const bodies = Array.from({ length: lines }, (_, i) =>
    new TextEncoder().encode(line(random, i % 33 === 0) + (i % 50 === 0 ? " from 10.2.0.7" : "")),
  );
  const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
  const costs: number[] = [];
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    const start = process.cpuUsage();
    let masked = 0;
    for (const body of bodies) if (maskText(body, 0, body.length) !== undefined) masked++;
    if (masked < lines / 50) throw new Error(`only ${masked} lines were masked of ${lines / 50} with an address`);
    if (round >= warmUpRounds) costs.push((cpuSecondsSince(start) * 1e9) / bytes);
  }
  return median(costs);
}
