// What the intake and its decoding thread say to each other. Order is kept both ways, and the intake relies on it.
import type { DecodeAnswer, Encoding, Sealed, Signal } from "./decoder.ts";
import type { DecodeOptions } from "./limits.ts";

export type ToDecoder =
  | {
      readonly type: "decode";
      readonly id: number;
      readonly tenant: string;
      readonly signal: Signal;
      readonly encoding: Encoding;
      readonly body: Uint8Array;
      readonly nowMs: number;
    }
  | { readonly type: "seal" }
  /** The journal took the tenant's batches with these series. */
  | { readonly type: "promised"; readonly tenant: string; readonly series: Int32Array };

export type FromDecoder =
  | { readonly type: "decoded"; readonly id: number; readonly answer: DecodeAnswer }
  /** Of every tenant with something decoded since the last seal. */
  | { readonly type: "sealed"; readonly sealed: readonly TenantSealed[] };

export interface TenantSealed extends Sealed {
  readonly tenant: string;
}

export interface DecoderData {
  readonly options: DecodeOptions;
}
