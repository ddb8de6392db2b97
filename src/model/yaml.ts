// YAML that people write, read safely: limits first, then every mistake with its place.
import { isNode, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { beyondLimits } from "./yaml-limits.ts";

/** Something wrong in a file, said so that it can be mended. `line` and `column` start at 1; 0 = the file as a whole. */
export interface Mistake {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly says: string;
}

export interface YamlDocument {
  readonly value: unknown;
  /** Where the value at `path` is written; the nearest written ancestor if it is not there itself. */
  place(path: readonly PropertyKey[]): { readonly line: number; readonly column: number };
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly document: YamlDocument }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** Parses one YAML document. Refuses what is too long or nested too deep before the parser sees it: it could abort the process. */
export function parseYaml(file: string, text: string): Parsed<unknown> {
  const whole = (says: string): Parsed<unknown> => ({ ok: false, mistakes: [{ file, line: 0, column: 0, says }] });
  const beyond = beyondLimits(text);
  if (beyond !== undefined) return { ok: false, mistakes: [{ file, ...beyond }] };
  const lines = new LineCounter();
  const parsed = parseDocument(text, {
    lineCounter: lines,
    maxAliasCount: 100,
    uniqueKeys: true,
    prettyErrors: false,
  } as never);
  if (parsed.errors.length > 0) {
    const mistakes = parsed.errors.map((error) => {
      const at = lines.linePos(error.pos[0]);
      return { file, line: at.line, column: at.col, says: error.message.split("\n")[0]! };
    });
    return { ok: false, mistakes };
  }
  const place: YamlDocument["place"] = (path) => {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? parsed.contents : parsed.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) {
        const at = lines.linePos(node.range[0]);
        return { line: at.line, column: at.col };
      }
    }
    return { line: 1, column: 1 };
  };
  try {
    const value: unknown = parsed.toJS({ maxAliasCount: 100 });
    return { ok: true, value, document: { value, place } };
  } catch (error) {
    return whole(error instanceof Error ? error.message : String(error));
  }
}

/** {@link parseYaml}, then `schema`: all mistakes of the file, each with its line, or the checked value. */
export function parseYamlAs<T>(file: string, text: string, schema: z.ZodType<T>): Parsed<T> {
  const parsed = parseYaml(file, text);
  if (!parsed.ok) return parsed;
  const checked = schema.safeParse(parsed.value ?? {});
  if (checked.success) return { ok: true, value: checked.data, document: parsed.document };
  return { ok: false, mistakes: mistakesOf(file, parsed.document, checked.error) };
}

/** One mistake for each thing a schema found, at its line. */
export function mistakesOf(file: string, document: YamlDocument, error: z.ZodError): readonly Mistake[] {
  return error.issues.flatMap((issue) => {
    // Unknown keys are reported on the object; each deserves its own line.
    const paths = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    // A schema may say more about an unknown key than zod does.
    const plain = issue.code === "unrecognized_keys" && issue.message.startsWith("Unrecognized key");
    return paths.map((path) => {
      const says = plain ? "is not a known key; remove it or correct its spelling" : issue.message;
      const name = path.map(String).join(".");
      return { file, ...document.place(path), says: name === "" ? says : `${name}: ${says}` };
    });
  });
}

/** `file:line:column: what`, as editors and people read it. */
export function formatMistake(mistake: Mistake): string {
  return mistake.line === 0
    ? `${mistake.file}: ${mistake.says}`
    : `${mistake.file}:${mistake.line}:${mistake.column}: ${mistake.says}`;
}
