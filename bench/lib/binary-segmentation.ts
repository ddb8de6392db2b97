// Binary segmentation with its customary defaults: the change-point baseline of `npm run bench:detect`. Sees the whole series.

const cutsMax = 5;

/**
 * Splits at the largest drop of the squared error about the means, while it exceeds 3 ln n of a series of variance 1
 * (the modified Schwarz criterion), five times at most. Source: Scott and Knott, "A cluster analysis method" (1974).
 */
export function cutInTwo(values: Float64Array): readonly number[] {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
  if (!(deviation > 0)) return [];
  const sums = new Float64Array(count + 1);
  for (let i = 0; i < count; i++) sums[i + 1] = sums[i]! + (values[i]! - mean) / deviation;
  const penalty = 3 * Math.log(count);
  const cuts: number[] = [];
  while (cuts.length < cutsMax) {
    const edges = [0, ...cuts, count].toSorted((a, b) => a - b);
    let at = 0;
    let most = penalty;
    for (const [k, start] of edges.slice(0, -1).entries()) {
      const end = edges[k + 1]!;
      for (let i = start + 1; i < end; i++) {
        const gain = share(start, i) + share(i, end) - share(start, end);
        if (gain <= most) continue;
        most = gain;
        at = i;
      }
    }
    if (at === 0) break;
    cuts.push(at);
  }
  return cuts;

  function share(start: number, end: number): number {
    return (sums[end]! - sums[start]!) ** 2 / (end - start);
  }
}
