// Where the regimes of a stream began: told soon after each change, and placed better as more of it is seen.
import { createSegmenter, type Segmenter } from "./segmentation.ts";

export interface Change {
  /** Index of the first point of the new regime, counted from the first point pushed. */
  readonly at: number;
  /** Points pushed when it was first held. */
  readonly noticedAt: number;
}

export interface OnlineChangePoint {
  /**
   * Folds the next point in; one that is not finite counts as a point, and teaches nothing. Gives the change it announces,
   * if any: announcements are final, 20 points after the change or later (a full memory is looked at twice in 128 points),
   * and more than 10 points apart.
   */
  push(value: number): Change | undefined;
  /** Changes held now, rising: the best cut of the last 1,024 points, after the last 256 changes before those. Changes nothing. */
  changes(): readonly Change[];
}

/** Points remembered; as many are let go at once when they are full, up to a change near there. */
const memoryPoints = 1024;
const letGoPoints = 256;
const nearPoints = 64;
const settledMax = 256;
const firstCutAtPoints = 10;
/** Cut anew whenever the memory has grown, or moved, by a sixteenth. */
const cutEveryShare = 1 / 16;
const announceAfterPoints = 20;
/** Two cuts in a row must agree so closely on a change that is announced. */
const agreementPoints = 5;
const announcedApartPoints = 10;

/**
 * Cuts a sliding memory anew every so often ({@link createSegmenter} says how, and what that is blind to); so one wrong
 * belief never lasts, and a change is placed where all points after it put it. State: 12 KiB and up to 512 changes.
 * `segmenter` is working space for 1,024 points, which any number of streams may share. Work: 1 to 3 ms for a cut of a full
 * memory, one in 64 points. Blind to a change until some 5 to 30 points of the new regime are there.
 */
export function createOnlineChangePoint(segmenter: Segmenter = createSegmenter(memoryPoints)): OnlineChangePoint {
  const values = new Float64Array(memoryPoints);
  /** Index in the stream of each value. */
  const indexes = new Float64Array(memoryPoints);
  const settled: Change[] = [];
  let held: readonly Change[] = [];
  let announced: readonly number[] = [];
  let count = 0;
  let pushed = 0;
  let sinceCut = 0;

  return {
    push(value) {
      const index = pushed++;
      if (!Number.isFinite(value)) return undefined;
      if (count === memoryPoints) letGo();
      values[count] = value;
      indexes[count] = index;
      count++;
      sinceCut++;
      if (count < firstCutAtPoints || sinceCut < Math.floor(count * cutEveryShare)) return undefined;
      const last = held;
      held = cut();
      sinceCut = 0;
      return announce(last);
    },
    changes: () => [...settled, ...(sinceCut > 0 ? cut() : held)],
  };

  function cut(): readonly Change[] {
    return segmenter.cut(values, count).map((place) => {
      const at = indexes[place]!;
      return { at, noticedAt: nearest(held, at)?.noticedAt ?? pushed };
    });
  }

  /** At most one at a time; the next cut announces the next. */
  function announce(last: readonly Change[]): Change | undefined {
    for (const change of held) {
      if (pushed - change.at < announceAfterPoints || nearest(last, change.at) === undefined) continue;
      if (announced.some((at) => Math.abs(at - change.at) <= announcedApartPoints)) continue;
      announced = [...announced.slice(1 - settledMax), change.at];
      return change;
    }
    return undefined;
  }

  function letGo(): void {
    held = cut();
    const nearby = held.findLast((change) => change.at <= indexes[letGoPoints + nearPoints]!);
    const kept = nearby !== undefined && nearby.at >= indexes[letGoPoints]! ? nearby.at : indexes[letGoPoints]!;
    const from = indexes.indexOf(kept);
    settled.push(...held.filter((change) => change.at <= kept));
    settled.splice(0, settled.length - settledMax);
    held = held.filter((change) => change.at > kept);
    values.copyWithin(0, from);
    indexes.copyWithin(0, from);
    count -= from;
  }
}

function nearest(changes: readonly Change[], at: number): Change | undefined {
  return changes.find((change) => Math.abs(change.at - at) <= agreementPoints);
}
