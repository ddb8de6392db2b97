// Samples made of logs of late, over a restart: logs are not read twice, and the memory they went to begins empty.
import { z } from "zod";
import type { MadeSample } from "../../model/ports/series-sink.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { pack, unpack } from "../packing.ts";

export interface RecentSamples {
  /** Gives how many were let go of for want of room, the oldest. */
  add(samples: readonly MadeSample[]): number;
  since(from: Instant): readonly MadeSample[];
  snapshot(): Uint8Array;
  /** Into empty ones. False, and nothing taken, for bytes that are not a snapshot. */
  restore(bytes: Uint8Array): boolean;
}

/** Kinds that are one number. */
type Single = Exclude<MadeSample, { readonly kind: "distribution" }>;

const samplesMax = 100_000;
const labels = z.record(z.string(), z.string());
const headerShape = z.object({
  recentSamples: z.literal(1),
  series: z.array(
    z.object({
      kind: z.enum(["count", "level"]),
      metric: z.string(),
      unit: z.string(),
      resource: labels,
      attributes: labels,
      tenant: z.string().optional(),
    }),
  ),
});

export function createRecentSamples(historyMs: DurationMs): RecentSamples {
  let kept: Single[] = [];
  let newest = Number.NEGATIVE_INFINITY;

  return {
    add(samples) {
      for (const one of samples) {
        if (one.kind === "distribution") continue;
        kept.push(one);
        if (one.at > newest) newest = one.at;
      }
      if (kept.length <= samplesMax) return 0;
      kept = since(newest - historyMs);
      // Half is let go of at once, so that it is seldom.
      const over = kept.length <= samplesMax ? 0 : kept.length - samplesMax / 2;
      kept = kept.slice(over);
      return over;
    },
    since,
    snapshot() {
      kept = since(newest - historyMs);
      const places = new Map<string, number>();
      const series: z.infer<typeof headerShape>["series"] = [];
      const columns = [0, 1, 2].map(() => new Float64Array(kept.length)) as [Float64Array, Float64Array, Float64Array];
      for (const [i, { at, value, kind, metric, unit, resource, attributes, tenant }] of kept.entries()) {
        const owner = tenant === undefined ? {} : { tenant };
        const about = { kind, metric, unit, resource, attributes, ...owner };
        const key = JSON.stringify(about);
        let place = places.get(key);
        if (place === undefined) {
          place = series.push(about) - 1;
          places.set(key, place);
        }
        columns[0][i] = place;
        columns[1][i] = at;
        columns[2][i] = value;
      }
      return pack({ recentSamples: 1, series }, columns);
    },
    restore(bytes) {
      const packed = unpack(bytes);
      const header = headerShape.safeParse(packed?.header);
      const [places, times, values] = packed?.columns ?? [];
      if (!header.success || places === undefined || times?.length !== places.length) return false;
      if (values?.length !== places.length || places.length > samplesMax) return false;
      const read: Single[] = [];
      for (const [i, place] of places.entries()) {
        const about = header.data.series[place];
        if (about === undefined) return false;
        const at = times[i] as number;
        read.push({ ...about, at, value: values[i] as number } as Single);
        if (at > newest) newest = at;
      }
      kept = read;
      return true;
    },
  };

  function since(from: Instant): Single[] {
    return kept.filter(({ at }) => at >= from);
  }
}
