// A payload against the shape that its sender documents; what is wrong is said by place, never with what was posted.
import { z } from "zod";
import { placeOf } from "../problem.ts";
import type { Reading } from "./sender.ts";

/** A name, an id, an address: not empty, and short enough for one. */
export const text = z.string().min(1).max(2000);

/** Reads `json` if it has the shape; keys the schema does not name are let pass: senders add some with every release. */
export function parsed<T>(shape: z.ZodType<T>, json: unknown, read: (told: T) => Reading): Reading {
  const result = shape.safeParse(json);
  if (result.success) return read(result.data);
  const { path, message } = result.error.issues[0]!;
  return { kind: "wrong", place: placeOf(path) || "body", detail: message.replace(/"[^"]*"/g, "key") };
}
