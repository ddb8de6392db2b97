// Traffic of a deployment minute by minute: the day, the week, bursts, batches and noise; or a recorded one played back.
import type { Profile } from "./profiles.ts";
import { createRandom } from "./random.ts";

/** Mean requests per second of the minute that ends at `atMs`; calls come in order. */
export type Demand = (atMs: number) => number;

/** Requests per second in windows of equal length, played again and again. */
export interface RecordedRates {
  readonly windowMs: number;
  readonly rates: Float64Array;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;
/** Traffic below this share of the mean is none: nobody is there. */
const nobodyBelow = 0.02;

/**
 * Own construction: a day of two harmonics, weekends, slow and fast noise that remembers (first-order), bursts that come
 * as a Poisson process, rise within a minute and fade, campaigns of hours, and batches by the clock.
 */
export function createDemand(profile: Profile, seed: number): Demand {
  const noise = noiseOf(profile, seed);
  return (atMs) => {
    const hour = (atMs % dayMs) / hourMs;
    const angle = (2 * Math.PI * (hour - profile.peakHour)) / 24;
    const day = 1 + profile.diurnal * (0.85 * Math.cos(angle) + 0.15 * Math.cos(2 * angle));
    const week = weekShare(atMs, profile.weekend);
    const since = profile.batchHours.some((begin) => (hour - begin + 24) % 24 < 0.5);
    const shape = day * week * noise(atMs) + (since ? profile.batchFactor : 0);
    return shape < nobodyBelow ? 0 : profile.ratePerSecond * shape;
  };
}

/** A recording scaled to the mean rate of the profile, with the profile's noise below the recording's resolution. */
export function replayDemand(profile: Profile, seed: number, recorded: RecordedRates): Demand {
  const random = createRandom(seed, "demand");
  const { rates, windowMs } = recorded;
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const offset = Math.floor(random.uniform() * rates.length);
  let fast = 0;
  return (atMs) => {
    fast = 0.9 * fast + 0.436 * random.normal();
    const position = atMs / windowMs + offset;
    const index = Math.floor(position);
    const now = rates[index % rates.length]!;
    const next = rates[(index + 1) % rates.length]!;
    const rate = now + (position - index) * (next - now);
    return (profile.ratePerSecond * rate * Math.exp(profile.fastSpread * fast)) / mean;
  };
}

/** 1 on working days, `weekend` from Saturday to Sunday, with three hours between. */
function weekShare(atMs: number, weekend: number): number {
  // Unix time began on a Thursday: Saturday is the third day.
  const sinceSaturday = (atMs / hourMs + 5 * 24) % (7 * 24);
  const into = Math.min(1, sinceSaturday / 3);
  const outOf = Math.min(1, Math.max(0, (sinceSaturday - 48) / 3));
  return 1 + (weekend - 1) * (into - outOf);
}

function noiseOf(profile: Profile, seed: number): Demand {
  const random = createRandom(seed, "demand");
  let slow = 0;
  let fast = 0;
  let level = 0;
  let burst = 0;
  let burstKeeps = 0.8;
  let campaign = 0;
  let campaignTo = 0;
  let campaignLeft = 0;
  let day = -1;
  return (atMs) => {
    const today = Math.floor(atMs / dayMs);
    if (today !== day) level = 0.04 * random.normal();
    day = today;
    slow = 0.995 * slow + 0.0999 * random.normal();
    fast = 0.9 * fast + 0.436 * random.normal();
    if (random.uniform() < (profile.burstsPerDay * minuteMs) / dayMs) {
      burst += Math.min(3, Math.exp(0.5 * random.normal() - 0.4));
      burstKeeps = 1 - 1 / (2 + 12 * random.uniform());
    }
    burst *= burstKeeps;
    // Once in about ten days, for two to six hours.
    if (campaignLeft-- <= 0) campaignTo = 0;
    if (random.uniform() < minuteMs / (10 * dayMs)) {
      campaignTo = 0.2 + 0.4 * random.uniform();
      campaignLeft = 120 + 240 * random.uniform();
    }
    campaign += (campaignTo - campaign) / 12;
    const spread = level + profile.slowSpread * slow + profile.fastSpread * fast;
    return Math.exp(spread) * (1 + burst + campaign);
  };
}
