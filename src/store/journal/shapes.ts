// Column lists, kept once however many frames have them: during a long outage only what differs may cost memory.

type Columns = readonly (readonly [string, string])[];

/** Gives equal lists as one object; lists beyond the first `max` different ones as they are. */
export function createShapes(max: number): (columns: Columns) => Columns {
  const known = new Map<string, Columns>();
  return (columns) => {
    const key = JSON.stringify(columns);
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size < max) known.set(key, columns);
    return columns;
  };
}
