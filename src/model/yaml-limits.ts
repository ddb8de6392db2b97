// Bounds on YAML text, checked before anything recursive sees it: the composer of the parser recurses, and deep nesting would
// end the process.
import { Lexer, Parser } from "yaml";

export interface Beyond {
  /** From 1, as the column. */
  readonly line: number;
  readonly column: number;
  readonly says: string;
}

const usualLengthMax = 256 * 1024;
const nestingMax = 64;
/** What the lexer puts between lexemes (byte-order mark, document, flow end, scalar): single characters not in the text. */
const lexerMarks = new Set([0xfeff, 0x02, 0x18, 0x1f].map((code) => String.fromCharCode(code)));

/** Where and why the text must not be parsed: too long, or nested too deep; undefined if it may. */
export function beyondLimits(text: string, lengthMax = usualLengthMax): Beyond | undefined {
  if (text.length > lengthMax) {
    return { line: 1, column: 1, says: `is longer than ${lengthMax / 1024} kB; split it into several files` };
  }
  // The lexer and the concrete-syntax parser keep their own stack, so they can be asked how deep the text goes.
  const parser = new Parser();
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme)) {
      // Tokens are not wanted, only depth.
    }
    if (!lexerMarks.has(lexeme)) offset += lexeme.length;
    if (parser.stack.length - 1 > nestingMax) {
      const before = text.slice(0, offset).split("\n");
      const column = Math.max(1, before.at(-1)!.length);
      return { line: before.length, column, says: `nests deeper than ${nestingMax} levels; flatten it` };
    }
  }
  return undefined;
}
