// Runs of labelled points.

/** Indexes of the first and the last point. */
export interface Segment {
  readonly start: number;
  readonly end: number;
}

/** Runs of labels other than zero, in order. */
export function segmentsOf(labels: ArrayLike<number>): readonly Segment[] {
  const segments: Segment[] = [];
  let start = -1;
  for (let i = 0; i <= labels.length; i++) {
    const labelled = i < labels.length && labels[i] !== 0;
    if (labelled && start < 0) start = i;
    if (!labelled && start >= 0) {
      segments.push({ start, end: i - 1 });
      start = -1;
    }
  }
  return segments;
}
