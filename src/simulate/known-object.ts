// Objects in which an unknown key is a mistake that names the known ones.
import { z } from "zod";

/** `what` completes "is not …": `a parameter of kv_leak`. */
export function knownObject<S extends z.ZodRawShape>(shape: S, what: string) {
  const names = Object.keys(shape).join(", ");
  const known = names === "" ? "there are none" : `known are ${names}`;
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? `is not ${what}; ${known}` : undefined),
  });
}
