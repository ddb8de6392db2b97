// What looking for a symptom gives.
import type { Evidence } from "../model/evidence.ts";

export type Finding =
  | { readonly state: "present"; readonly evidence: Evidence }
  | { readonly state: "absent" }
  /** No telemetry, or the source did not answer: says nothing either way. */
  | { readonly state: "unknown" };
