// Who gives advice: one file each, listed by hand.
import type { Advisor } from "./advisor.ts";
import { fusedMoe } from "./advisors/fused-moe.ts";
import { kvPool } from "./advisors/kv-pool.ts";

export const advisors: readonly Advisor[] = [kvPool, fusedMoe];
