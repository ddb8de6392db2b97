// All kinds of fault, one line a family.
import { applicationFaults } from "./application.ts";
import type { FaultKind } from "./define.ts";
import { engineFaults } from "./engine.ts";
import { gpuFaults } from "./gpu.ts";
import { nodeFaults } from "./node.ts";
import { rolloutFaults } from "./rollout.ts";
import { trafficFaults } from "./traffic.ts";

export const faultKinds: readonly FaultKind[] = [
  ...engineFaults,
  ...trafficFaults,
  ...rolloutFaults,
  ...gpuFaults,
  ...nodeFaults,
  ...applicationFaults,
];

const byName = new Map(faultKinds.map((each) => [each.kind, each]));

export function kindNamed(kind: string): FaultKind | undefined {
  return byName.get(kind);
}
