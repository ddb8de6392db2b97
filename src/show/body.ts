// Bodies that a handler reads itself, from their bytes.

/** The JSON of a body; undefined for what is none, or is not strictly UTF-8. */
export function jsonOf(body: unknown): unknown {
  if (!(body instanceof Uint8Array)) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
