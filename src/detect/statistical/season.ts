// Learns the period of a series from itself, and says what it did at the same time of past periods.

export interface Season {
  /** Points in a period; 0 while none is known. */
  readonly period: number;
  /** Distance >= 0 of a value from the range of past periods around this phase; NaN while there is no period. */
  distance(value: number): number;
  learn(value: number): void;
}

/** 3 days at a minute. */
const bufferPoints = 4320;
const decimation = 4;
const refreshEvery = 720;
const correlationMin = 0.35;
/** Points either side of the phase that count as the same time. */
const slackPoints = 4;

/**
 * Source: autocorrelation of block means over a bounded buffer, searched for its highest local maximum; then the range of
 * the values of past periods around the phase. State: 4,320 numbers. Blind to periods longer than half the buffer (a week
 * at a minute), and to an anomaly at the same time as a past one until that has left the buffer.
 */
export function createSeason(): Season {
  const values = new Float64Array(bufferPoints);
  let count = 0;
  let period = 0;

  return {
    get period() {
      return period;
    },
    distance(value) {
      if (period === 0) return Number.NaN;
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      const known = Math.min(count, bufferPoints);
      for (let back = period; back + slackPoints <= known; back += period) {
        for (let lag = back - slackPoints; lag <= back + slackPoints; lag++) {
          const past = values[(count - lag + bufferPoints) % bufferPoints]!;
          low = Math.min(low, past);
          high = Math.max(high, past);
        }
      }
      return low > high ? Number.NaN : Math.max(0, value - high, low - value);
    },
    learn(value) {
      values[count % bufferPoints] = value;
      count++;
      if (count % refreshEvery === 0) period = findPeriod();
    },
  };

  function findPeriod(): number {
    const known = Math.min(count, bufferPoints);
    const blocks = Math.floor(known / decimation);
    const means = new Float64Array(blocks);
    let mean = 0;
    for (let block = 0; block < blocks; block++) {
      for (let k = 0; k < decimation; k++) {
        const index = count - known + block * decimation + k;
        means[block]! += values[index % bufferPoints]! / decimation;
      }
      mean += means[block]! / blocks;
    }
    let variance = 0;
    for (const value of means) variance += (value - mean) ** 2;
    if (variance === 0) return 0;
    let best = 0;
    let bestCorrelation = correlationMin;
    let before = Number.POSITIVE_INFINITY;
    let rising = false;
    for (let lag = 2; lag <= blocks / 2; lag++) {
      let sum = 0;
      for (let i = lag; i < blocks; i++) sum += (means[i]! - mean) * (means[i - lag]! - mean);
      const correlation = (sum / variance) * (blocks / (blocks - lag));
      if (rising && correlation < before && before > bestCorrelation) {
        best = lag - 1;
        bestCorrelation = before;
      }
      rising = correlation > before;
      before = correlation;
    }
    return best * decimation;
  }
}
