// What the detection and its worker thread say to each other.
import type { EntityBatch } from "../../model/detector.ts";
import type { Explanation } from "./autoencoder.ts";

export interface WorkerSetUp {
  readonly directory: string;
  readonly snapshot?: Uint8Array;
}

export type Request =
  | { readonly type: "score"; readonly id: number; readonly batch: EntityBatch }
  | { readonly type: "learn"; readonly batch: EntityBatch }
  | { readonly type: "snapshot"; readonly id: number };

export type Reply =
  | { readonly type: "ready"; readonly backend: string }
  | { readonly type: "scored"; readonly id: number; readonly scores: Float64Array; readonly why: Explanation }
  | { readonly type: "snapshot"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: "failed"; readonly reason: string };
