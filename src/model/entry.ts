// Where the code of a worker thread or child process lies.

/**
 * URL of an entry file named relative to `caller` (`import.meta.url`) with its `.ts` ending. Compiled callers get the
 * `.js` beside them; callers that run from source, as tests do, get the compiled file in `dist/`, since Node 20 cannot
 * start a thread or process from TypeScript.
 */
export function entryUrl(caller: string, entry: string): URL {
  const compiled = new URL(entry, caller).href.replace(/\.ts$/, ".js");
  const source = compiled.lastIndexOf("/src/");
  if (!caller.endsWith(".ts") || source < 0) return new URL(compiled);
  return new URL(`${compiled.slice(0, source)}/dist/${compiled.slice(source + 5)}`);
}
