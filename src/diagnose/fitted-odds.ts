// Ratios that were fitted, laid over the catalogue: only where it still says what they were fitted from.
import { z } from "zod";
import type { FailureMode, SymptomSpec } from "../model/failure-mode.ts";

const ratios = z.tuple([z.number().min(1), z.number().gt(0).max(1)]);

/** By mode and id of the symptom or discriminator: `[present, absent]` as written, and as fitted. */
const Table = z.record(z.string(), z.record(z.string(), z.object({ from: ratios, to: ratios })));
export type OddsTable = z.infer<typeof Table>;

const OddsFile = z.object({ version: z.literal(1), odds: Table });

/** The table in a file of odds (JSON); undefined if it is none. */
export function readOddsTable(text: string): OddsTable | undefined {
  try {
    return OddsFile.safeParse(JSON.parse(text)).data?.odds;
  } catch {
    return undefined;
  }
}

/** Whoever edits a symptom's ratios, or brings a catalogue of their own, gets what they wrote. */
export function withFittedOdds(catalogue: readonly FailureMode[], table: OddsTable): readonly FailureMode[] {
  return catalogue.map((mode) => {
    const own = Object.hasOwn(table, mode.id) ? table[mode.id]! : {};
    const fitted = <S extends SymptomSpec>(spec: S): S => {
      const entry = Object.hasOwn(own, spec.id) ? own[spec.id] : undefined;
      if (entry === undefined || entry.from[0] !== spec.present || entry.from[1] !== spec.absent) return spec;
      return { ...spec, present: entry.to[0], absent: entry.to[1] };
    };
    return { ...mode, symptoms: mode.symptoms.map(fitted), discriminators: mode.discriminators.map(fitted) };
  });
}
