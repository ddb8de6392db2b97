// Just enough SQL lexing to place settings, files and limits around a statement without understanding it.

interface Token {
  readonly kind: "word" | "text" | "sign" | "placeholder";
  readonly start: number;
  readonly end: number;
  /** Upper case for words, the bare name for placeholders, the sign itself for signs. */
  readonly value: string;
  /** Bracket depth. */
  readonly depth: number;
}

export interface InsertShape {
  /** Offset behind `INSERT INTO t (columns)`, where FROM INFILE and SETTINGS go. */
  readonly headEnd: number;
  /** Offset behind the word SETTINGS, if the statement has the clause in its head. */
  readonly settingsAt?: number;
  /** Format of the data that follow, if data follow. */
  readonly format?: string;
  /** Offset of the clause that names it. */
  readonly formatStart?: number;
  /** `input(` of an INSERT that selects from its own data. */
  readonly input?: { readonly start: number; readonly end: number };
  /** Offset of the first byte of inline data. */
  readonly dataStart?: number;
}

export interface Statement {
  /** First word, upper case; empty for a statement without words. */
  readonly verb: string;
  /** True if it can only read. */
  readonly reads: boolean;
  /** Offset behind the last token that counts (not comments, not the closing semicolon). */
  readonly end: number;
  /** True if a second statement follows. */
  readonly several: boolean;
  /** Names of `{name:Type}` placeholders. */
  readonly placeholders: readonly string[];
  /** Format named in a FORMAT clause of a statement that gives rows. */
  readonly format?: string;
  /** True if SETTINGS follow that FORMAT clause. */
  readonly settingsAfterFormat: boolean;
  /** True if it names a file of the engine's machine (INFILE, OUTFILE). */
  readonly namesFile: boolean;
  /** True if it looks at the list of running queries, or ends one. */
  readonly aboutProcesses: boolean;
  readonly insert?: InsertShape;
}

const readers = new Set(["SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK", "FROM"]);

/** What kind of statement a text is and where its clauses lie. Never throws: what it cannot read, the engine refuses. */
export function inspect(sql: string): Statement {
  const tokens: Token[] = [];
  let insert: InsertShape | undefined;
  const lexer = tokensOf(sql);
  for (let next = lexer.next(); !next.done; next = lexer.next()) {
    tokens.push(next.value);
    // Behind the format name come data, which must not be read as SQL.
    if (tokens[0]?.value === "INSERT") insert = insertShape(sql, tokens) ?? insert;
    if (insert?.dataStart !== undefined) break;
  }
  if (tokens[0]?.value === "INSERT") insert ??= { headEnd: insertHeadEnd(tokens) };

  const stop = tokens.findIndex((token) => token.value === ";" && token.kind === "sign");
  const own = stop < 0 ? tokens : tokens.slice(0, stop);
  const words = own.filter((token) => token.kind === "word");
  const verb = own.find((token) => token.value !== "(")?.value ?? "";
  const format = insert === undefined ? formatClause(own) : undefined;
  return {
    verb,
    reads: readers.has(verb) && !words.some((token) => token.value === "INSERT" && token.depth === 0),
    end: own.at(-1)?.end ?? 0,
    several: stop >= 0 && tokens.slice(stop + 1).some((token) => token.value !== ";"),
    placeholders: [...new Set(own.filter((token) => token.kind === "placeholder").map((token) => token.value))],
    ...(format === undefined ? {} : { format: format.name }),
    settingsAfterFormat: format?.settingsFollow ?? false,
    namesFile: words.some((token) => token.value === "INFILE" || token.value === "OUTFILE"),
    aboutProcesses: verb === "KILL" || /\bsystem\.processes\b/.test(sql),
    ...(insert === undefined ? {} : { insert }),
  };
}

/** `text` as an SQL string literal. */
export function quote(text: string): string {
  let out = "'";
  for (const char of text) {
    if (char === "\\" || char === "'") out += `\\${char}`;
    else if (char === "\0") out += "\\0";
    else if (char === "\n") out += "\\n";
    else out += char;
  }
  return `${out}'`;
}

/** `name` as an SQL identifier. */
export function backquote(name: string): string {
  return `\`${name.replace(/[\\`]/g, (char) => `\\${char}`)}\``;
}

function* tokensOf(sql: string): Generator<Token, void> {
  let at = 0;
  let depth = 0;
  while (at < sql.length) {
    const char = sql[at]!;
    const skipped = skipBlank(sql, at);
    if (skipped > at) {
      at = skipped;
      continue;
    }
    const start = at;
    if (char === "'" || char === '"' || char === "`") {
      at = endOfQuoted(sql, at);
      yield { kind: "text", start, end: at, value: sql.slice(start, at), depth };
      continue;
    }
    const heredoc = char === "$" ? /^\$\w*\$/.exec(sql.slice(at, at + 130)) : null;
    if (heredoc !== null) {
      const close = sql.indexOf(heredoc[0], at + heredoc[0].length);
      at = close < 0 ? sql.length : close + heredoc[0].length;
      yield { kind: "text", start, end: at, value: "", depth };
      continue;
    }
    const placeholder = char === "{" ? /^\{\s*([A-Za-z_]\w*)\s*:[^{}']*\}/.exec(sql.slice(at, at + 1000)) : null;
    if (placeholder !== null) {
      at += placeholder[0].length;
      yield { kind: "placeholder", start, end: at, value: placeholder[1]!, depth };
      continue;
    }
    const word = /[\w\u0080-\uffff]/.test(char);
    if (word) while (at < sql.length && /[\w\u0080-\uffff]/.test(sql[at]!)) at++;
    else at++;
    if (char === ")" || char === "]" || char === "}") depth = Math.max(0, depth - 1);
    yield { kind: word ? "word" : "sign", start, end: at, value: sql.slice(start, at).toUpperCase(), depth };
    if (char === "(" || char === "[" || char === "{") depth++;
  }
}

/** Offset behind white space or one comment at `at`; `at` itself if there is neither. */
function skipBlank(sql: string, at: number): number {
  const char = sql[at]!;
  if (/\s/.test(char)) return at + 1;
  const pair = sql.slice(at, at + 2);
  if (pair === "--" || pair === "#!" || pair === "# ") {
    const end = sql.indexOf("\n", at);
    return end < 0 ? sql.length : end + 1;
  }
  if (pair === "/*") {
    const end = sql.indexOf("*/", at + 2);
    return end < 0 ? sql.length : end + 2;
  }
  return at;
}

function endOfQuoted(sql: string, start: number): number {
  const mark = sql[start];
  for (let at = start + 1; at < sql.length; at++) {
    if (sql[at] === "\\") at++;
    else if (sql[at] === mark) {
      if (sql[at + 1] !== mark) return at + 1;
      at++;
    }
  }
  return sql.length;
}

function formatClause(tokens: readonly Token[]): { name: string; settingsFollow: boolean } | undefined {
  for (let i = tokens.length - 2; i > 0; i--) {
    const token = tokens[i]!;
    if (token.kind !== "word" || token.value !== "FORMAT" || token.depth !== 0) continue;
    const name = tokens[i + 1]!;
    const after = tokens[i + 2];
    // `SELECT format FROM t` is no FORMAT clause: a clause ends the statement or precedes SETTINGS.
    if (name.kind !== "word" || (after !== undefined && after.value !== "SETTINGS")) return undefined;
    return { name: name.value, settingsFollow: after !== undefined };
  }
  return undefined;
}

/** Index of the token behind `INSERT INTO [TABLE] [FUNCTION f(…)] name [(columns)]`, as an offset into the text. */
function insertHeadEnd(tokens: readonly Token[]): number {
  let i = 1;
  if (tokens[i]?.value === "INTO") i++;
  if (tokens[i]?.value === "TABLE" && tokens[i + 1]?.value !== "(") i++;
  if (tokens[i]?.value === "FUNCTION") i++;
  i++;
  while (tokens[i]?.value === ".") i += 2;
  const closing = (from: number): number =>
    tokens.findIndex((token, at) => at > from && token.value === ")" && token.depth === tokens[from]!.depth);
  while (tokens[i]?.value === "(" && tokens[i + 1]?.value !== "SELECT" && closing(i) > 0) i = closing(i) + 1;
  return tokens[i - 1]?.end ?? 0;
}

/** The shape once the text that precedes the data has been read; undefined before. */
function insertShape(sql: string, tokens: readonly Token[]): InsertShape | undefined {
  const last = tokens.at(-1)!;
  const before = tokens.at(-2);
  const isFormat =
    before?.value === "FORMAT" &&
    before.kind === "word" &&
    before.depth === 0 &&
    last.kind === "word" &&
    last.value !== "FROM";
  const isValues = last.value === "VALUES" && last.kind === "word" && last.depth === 0;
  if (!isFormat && !isValues) return undefined;
  const headEnd = insertHeadEnd(tokens);
  if (last.start < headEnd) return undefined;
  const settings = tokens.find((token) => token.value === "SETTINGS" && token.start >= headEnd && token.depth === 0);
  const select = tokens.findIndex((token) => token.value === "SELECT" && token.start >= headEnd);
  const input = tokens.findIndex(
    (token, i) => token.value === "INPUT" && token.start >= headEnd && tokens[i + 1]?.value === "(",
  );
  const inHead = settings !== undefined && (select < 0 || settings.start < tokens[select]!.start);
  return {
    headEnd,
    ...(inHead ? { settingsAt: settings.end } : {}),
    format: isValues ? "Values" : sql.slice(last.start, last.end),
    formatStart: isValues ? last.start : before!.start,
    ...(input < 0 ? {} : { input: { start: tokens[input]!.start, end: tokens[input + 1]!.end } }),
    dataStart: last.end,
  };
}
