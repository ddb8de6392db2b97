// Where reports of static analysis are handed in.

export type ReportOutcome =
  /** `left`: results without a file, or beyond what is kept. */
  | { readonly kind: "kept"; readonly tool: string; readonly findings: number; readonly left: number }
  | { readonly kind: "wrong"; readonly place: string; readonly reason: string };

export interface ReportDesk {
  /** A SARIF 2.1.0 log, parsed from JSON. The report of a tool takes the place of its last. Durable once resolved. */
  take(report: unknown): Promise<ReportOutcome>;
}
