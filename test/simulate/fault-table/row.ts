// A row of the table of faults: where one strikes, and what it must leave in the telemetry.
import { expect } from "vitest";
import type { Played } from "../played.ts";

export const v = (name: string): string => `vllm:${name}`;
export const one = { source: "vllm-1" };
export const other = { source: "vllm-0" };
export const gpu = { Hostname: "gpu-node-1", gpu: "0" };
export const dcgm = (name: string): string => `DCGM_FI_${name}`;

export interface Row {
  readonly target: string;
  readonly params?: string;
  readonly engine?: string;
  readonly classes?: string;
  /** Until when it plays, ms; 210 s unless said otherwise. */
  readonly toMs?: number;
  /** What holds with the fault (`sick`) against the same without (`well`). */
  holds(sick: Played, well: Played): void;
}

export const per = (a: number, b: number): number => a / b;
export const tokens = (played: Played, where = one): number => played.gained(v("generation_tokens_total"), where);

export function answers(sick: Played, well: Played, pattern: RegExp, least: number): void {
  const found = (played: Played): number =>
    played.spans(/^chat /, ({ attributes }) => pattern.test(String(attributes["gen_ai.output.messages"])));
  expect(found(sick)).toBeGreaterThan(least);
  expect(found(well)).toBe(0);
}
