// What is different about the load now, and one request as it is asked.
import type { RequestClass, Scenario } from "./scenario.ts";

/** All neutral when nothing is. */
export interface Traffic {
  rateFactor: number;
  promptFactor: number;
  outputFactor: number;
  /** Prompts that begin alike no longer do. */
  volatilePrefix: boolean;
  /** Share of requests whose answer must follow a grammar. */
  structuredShare: number;
  /** Adapters that requests are spread over; 0 = as the scenario says. */
  adapters: number;
}

/** A request as it is asked. */
export interface Asked {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Most tokens the answer may have. */
  readonly limit: number;
  /** Place in `requestClasses`. */
  readonly kind: number;
  readonly prefixGroup: number;
  readonly prefixTokens: number;
  readonly adapter: number;
  readonly marks: number;
}

export function createTraffic(): Traffic {
  return {
    rateFactor: 1,
    promptFactor: 1,
    outputFactor: 1,
    volatilePrefix: false,
    structuredShare: 0,
    adapters: 0,
  };
}

/** A plain request of so many tokens, as faults send them. */
export function plainRequest(promptTokens: number, outputTokens: number): Asked {
  return {
    promptTokens,
    outputTokens,
    limit: outputTokens,
    kind: 0,
    prefixGroup: 0,
    prefixTokens: 0,
    adapter: 0,
    marks: 0,
  };
}

/** What the lengths of a class are to those of the source: [prompt, output]. Assumed. */
export const classFactors: Readonly<Record<RequestClass, readonly [number, number]>> = {
  chat: [1, 1],
  rag: [1.8, 0.9],
  agent: [1.5, 0.6],
  code: [1.4, 0.5],
  batch: [1.2, 1.6],
};

/** Longest answer and prompt that fit the model's context together. */
export function longestPrompt(scenario: Scenario): number {
  return scenario.engine.max_model_len - Math.min(1024, Math.floor(scenario.engine.max_model_len / 4));
}
