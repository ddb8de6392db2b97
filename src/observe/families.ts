// How many series each metric of each entity has: beyond a limit a label has taken values without end.

export interface Families {
  /** False where there are as many as there may be. */
  enter(family: string): boolean;
  leave(family: string): void;
}

export function createFamilies(most: number): Families {
  const counts = new Map<string, number>();
  return {
    enter(family) {
      const count = counts.get(family) ?? 0;
      if (count >= most) return false;
      counts.set(family, count + 1);
      return true;
    },
    leave(family) {
      const left = (counts.get(family) ?? 1) - 1;
      if (left > 0) counts.set(family, left);
      else counts.delete(family);
    },
  };
}
