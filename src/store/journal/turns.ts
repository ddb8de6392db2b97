// Turns side by side, or one alone: what an engine died of is known only if nothing else was running.

/** Enters in the order of asking; the result of entering leaves. */
export type EnterTurn = (alone: boolean) => Promise<() => void>;

/** `width`: so many are inside at once. */
export function createTurns(width = Number.POSITIVE_INFINITY): EnterTurn {
  const waiting: { readonly alone: boolean; readonly go: () => void }[] = [];
  let inside = 0;
  let taken = false;
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined && !taken; next = waiting[0]) {
      if (next.alone ? inside > 0 : inside >= width) return;
      waiting.shift();
      inside++;
      taken = next.alone;
      next.go();
    }
  };
  return async (alone) => {
    await new Promise<void>((go) => {
      waiting.push({ alone, go });
      admit();
    });
    return () => {
      inside--;
      if (alone) taken = false;
      admit();
    };
  };
}
