// A budget several tenants draw on, so that one that takes all it can get leaves the others theirs.

export interface Shares {
  /** Takes so much for the tenant; false if it may not have that now. */
  take(tenant: string, amount: number): boolean;
  give(tenant: string, amount: number): void;
}

/** Part of the budget kept beyond it, for tenants below their share only. */
const reserve = 0.25;

/**
 * Anybody may take while less than `budget` is taken in all. A tenant that holds no more than its share of the reserve,
 * which is as large for all that hold something, may take from that too: it finds room although others took the budget.
 * With one tenant, only `budget` is ever taken.
 */
export function createShares(budget: number): Shares {
  const held = new Map<string, number>();
  let total = 0;
  return {
    take(tenant, amount) {
      const own = held.get(tenant) ?? 0;
      const holders = held.size + (own === 0 ? 1 : 0);
      const share = (budget * reserve) / Math.max(1, holders - 1);
      const fromReserve = holders > 1 && own + amount <= share && total + amount <= budget * (1 + reserve);
      if (total + amount > budget && !fromReserve) return false;
      total += amount;
      held.set(tenant, own + amount);
      return true;
    },
    give(tenant, amount) {
      const left = (held.get(tenant) ?? 0) - amount;
      total -= amount;
      if (left <= 0) held.delete(tenant);
      else held.set(tenant, left);
    },
  };
}
