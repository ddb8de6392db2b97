// What the shapes of this API are made of.
import { z } from "zod";
import { type Evidence, evidenceKinds } from "../model/evidence.ts";

/** An object schema that has exactly the keys of `T`: the compiler notices when the model grows or shrinks. */
export function shapeOf<T>() {
  return <S extends Record<keyof T, z.ZodType>>(shape: S & Record<Exclude<keyof S, keyof T>, never>) =>
    z.object(shape as S);
}

export const instant = z.int().describe("Unix time in milliseconds.");
/** JSON has no NaN and no infinities. */
export const real = z.number().nullable();
export const labels = z.record(z.string(), z.string());
export const band = z.object({ low: real, high: real });
export const severity = z.enum(["critical", "warning", "info"]);

export const evidence = shapeOf<Evidence>()({
  kind: z.enum(evidenceKinds),
  says: z.string(),
  at: instant,
  entity: z.string().optional(),
  subject: z.string().optional(),
  observed: real.optional(),
  expected: band.optional(),
  ref: z.string().optional(),
});
