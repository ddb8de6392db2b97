// All kinds of fault, one line a family.
import type { FaultKind } from "./define.ts";
import { engineFaults } from "./engine.ts";
import { rolloutFaults } from "./rollout.ts";

export const faultKinds: readonly FaultKind[] = [...engineFaults, ...rolloutFaults];

const byName = new Map(faultKinds.map((each) => [each.kind, each]));

export function kindNamed(kind: string): FaultKind | undefined {
  return byName.get(kind);
}
