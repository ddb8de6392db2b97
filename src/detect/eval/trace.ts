// What a detector said of every point of a labelled series.

export interface Trace {
  readonly scores: Float64Array;
  /** The scores with a decaying hold, as charts and rankings show them. */
  readonly held: Float64Array;
  /** Points that are odd by themselves. */
  readonly odd: Uint8Array;
  /** Points at which an alert fires, where that is not the same: one that flickers fires on. */
  readonly firing?: Uint8Array;
  readonly alerts: Uint8Array;
  /** What each column had to do with each score: `[point * columns + column]`. */
  readonly parts?: Float64Array;
}

export type Trial = (columns: readonly Float64Array[], stepSeconds: number) => Trace;

export function emptyTrace(length: number): Trace {
  return {
    scores: new Float64Array(length),
    held: new Float64Array(length),
    odd: new Uint8Array(length),
    alerts: new Uint8Array(length),
  };
}
