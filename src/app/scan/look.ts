// A first look at a history: how many series, how often they were sampled, and so how it is to be read.
import { type DurationMs, formatDuration, type TimeRange } from "../../model/time.ts";
import type { ChunkReader } from "../../store/foreign/chunks.ts";

export interface Looked {
  /** Most series of any of the samples. */
  readonly series: number;
  /** Median distance of a series' points; NaN where no series had two. */
  readonly intervalMs: DurationMs;
  readonly pointsPerSecond: number;
}

export interface Reading {
  /** Distance of judged steps. */
  readonly stepMs: DurationMs;
  /** Distance of the samples that are asked for; undefined: all there are. */
  readonly thinToMs?: DurationMs;
  /** Distance of the samples that come. */
  readonly intervalMs: DurationMs;
  /** Event time read at once. */
  readonly chunkMs: DurationMs;
  /** Event time between two looks of the service. */
  readonly tickMs: DurationMs;
  /** What of it is to be said aloud. */
  readonly notes: readonly string[];
}

const sampleMs = 180_000;
const samples = 6;
/** Looked at where no series has two points in a sample. */
const sparseMs = 3 * 3_600_000;
/** Points of a whole scan: beyond, a coarser step is taken. */
const pointsMax = 400_000_000;
/** Points in memory at once, twice: one chunk is played while the next is read. */
const chunkPoints = 500_000;
const chunkMax = 6 * 3_600_000;
const tickLeast = 30_000;
const steps: readonly DurationMs[] = [15, 30, 60, 120, 300, 600].map((s) => s * 1000);

/** Some minutes at some places of the range; hours at its end where that is too little to tell how often it was sampled. */
export async function lookAt(chunks: ChunkReader, range: TimeRange): Promise<Looked> {
  const best = await lookIn(chunks, range, sampleMs);
  if (!Number.isNaN(best.intervalMs)) return best;
  const sparse = await lookIn(chunks, { from: Math.max(range.from, range.to - sparseMs), to: range.to }, sparseMs);
  return sparse.series > best.series ? sparse : { ...best, intervalMs: sparse.intervalMs };
}

async function lookIn(chunks: ChunkReader, range: TimeRange, longestMs: DurationMs): Promise<Looked> {
  const spanMs = Math.min(longestMs, range.to - range.from);
  const room = range.to - range.from - spanMs;
  let best: Looked = { series: 0, intervalMs: Number.NaN, pointsPerSecond: 0 };
  // The newest first: what a young history has is there.
  for (let i = samples - 1; i >= (room === 0 ? samples - 1 : 0); i--) {
    const from = range.from + Math.round((room * i) / (samples - 1));
    const { slices, points } = await chunks.read({ from, to: from + spanMs }, spanMs);
    const [slice] = slices;
    if (slice === undefined || points === 0) continue;
    const bySeries = new Map<string, { count: number; first: number; last: number }>();
    for (let row = 0; row < slice.rows; row++) {
      const key = `${slice.hashes[2 * row]} ${slice.hashes[2 * row + 1]}`;
      const at = slice.times[row] as number;
      const seen = bySeries.get(key) ?? { count: 0, first: at, last: at };
      bySeries.set(key, { count: seen.count + 1, first: Math.min(seen.first, at), last: Math.max(seen.last, at) });
    }
    const gaps = [...bySeries.values()].flatMap(({ count, first, last }) =>
      count > 1 ? [(last - first) / (count - 1)] : [],
    );
    const middle = gaps.toSorted((a, b) => a - b)[gaps.length >> 1] ?? Number.NaN;
    if (bySeries.size > best.series)
      best = { series: bySeries.size, intervalMs: middle, pointsPerSecond: (1000 * points) / spanMs };
  }
  return best;
}

/** `askedMs`: the step that was asked for; undefined: the configured one, or coarser where the history is or must be. */
export function readingOf(
  { series, intervalMs, pointsPerSecond }: Looked,
  lengthMs: DurationMs,
  options: { readonly askedMs: DurationMs | undefined; readonly stepMs: DurationMs; readonly thins: boolean },
): Reading {
  const { askedMs, thins } = options;
  const notes: string[] = [];
  const scrapedMs = Number.isNaN(intervalMs) ? options.stepMs : intervalMs;
  let stepMs = askedMs ?? Math.max(options.stepMs, steps.find((step) => step >= scrapedMs * 0.9) ?? 600_000);
  if (askedMs === undefined) {
    if (stepMs > options.stepMs)
      notes.push(
        `samples are ${formatDuration(roundSecond(scrapedMs))} apart, so it judges every ${formatDuration(stepMs)}`,
      );
    const needed = (at: DurationMs): number => Math.min(pointsPerSecond, (1000 * series) / at) * (lengthMs / 1000);
    const before = stepMs;
    for (const step of steps) if (step > stepMs && needed(stepMs) > pointsMax) stepMs = step;
    if (stepMs > before)
      notes.push(
        `${series.toLocaleString("en")} series are too many for a step of ${formatDuration(before)}: it reads and judges every ` +
          `${formatDuration(stepMs)}, and sees nothing shorter; take a shorter range, or --step ${formatDuration(before)} and time`,
      );
  }
  const thinned = thins && stepMs > 1.5 * scrapedMs;
  const perSecond = thinned ? (1000 * series) / stepMs : Math.max(pointsPerSecond, 0.001);
  const tickMs = Math.max(stepMs, Math.ceil(tickLeast / stepMs) * stepMs);
  const chunkMs = Math.min(chunkMax, (1000 * chunkPoints) / perSecond);
  return {
    stepMs,
    ...(thinned ? { thinToMs: stepMs, intervalMs: stepMs } : { intervalMs: scrapedMs }),
    tickMs,
    chunkMs: Math.max(tickMs, Math.floor(chunkMs / tickMs) * tickMs),
    notes,
  };
}

function roundSecond(ms: DurationMs): DurationMs {
  return Math.round(ms / 1000) * 1000;
}
