// Scores of change points against several annotators: F1 with a margin, and covering of the segmentation.

const margin = 5;

/** F1 with a margin of 5 points: precision against all annotators together, recall as their mean. Index 0 counts for all. */
export function changePointF1(annotations: readonly (readonly number[])[], found: readonly number[]): number {
  const predicted = withZero(found);
  const precision = matches(withZero(annotations.flat()), predicted) / predicted.length;
  let recall = 0;
  for (const annotation of annotations) {
    const truth = withZero(annotation);
    recall += matches(truth, predicted) / truth.length / annotations.length;
  }
  return precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
}

/** Mean over annotators of how well the best found segment overlaps (Jaccard) each true one, weighted by its length. */
export function changePointCover(
  annotations: readonly (readonly number[])[],
  found: readonly number[],
  length: number,
): number {
  const segments = partition(found, length);
  let sum = 0;
  for (const annotation of annotations) {
    for (const [start, end] of partition(annotation, length)) {
      let best = 0;
      for (const [from, to] of segments) {
        const shared = Math.max(0, Math.min(end, to) - Math.max(start, from));
        best = Math.max(best, shared / (end - start + to - from - shared));
      }
      sum += ((end - start) * best) / length / annotations.length;
    }
  }
  return sum;
}

/** Each true point takes the nearest free prediction within the margin. */
function matches(truth: readonly number[], predicted: readonly number[]): number {
  const free = new Set(predicted);
  let count = 0;
  for (const point of truth) {
    let nearest: number | undefined;
    for (const candidate of free) {
      const distance = Math.abs(point - candidate);
      if (distance <= margin && (nearest === undefined || distance < Math.abs(point - nearest))) nearest = candidate;
    }
    if (nearest === undefined) continue;
    free.delete(nearest);
    count++;
  }
  return count;
}

function withZero(points: readonly number[]): readonly number[] {
  return [...new Set([0, ...points])].toSorted((a, b) => a - b);
}

function partition(points: readonly number[], length: number): readonly (readonly [number, number])[] {
  const starts = withZero(points).filter((point) => point < length);
  return starts.map((start, k) => [start, starts[k + 1] ?? length] as const);
}
