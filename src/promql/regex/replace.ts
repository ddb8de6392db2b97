// Replacement of what a regular expression matches, with the groups it caught: as Go's regexp does.
import type { Regex } from "./program.ts";
import { compileRegex } from "./program.ts";

/** `$1`, `$name`, `${name}`, `$$`; what names no group is empty. `skip` groups before the first do not count. */
export function expandGroups(template: string, value: string, groups: Int32Array, regex: Regex, skip = 0): string {
  return template.replace(
    /\$(?:\$|(\w+)|\{(\w+)\})/g,
    (found: string, bare: string | undefined, braced: string | undefined) => {
      if (found === "$$") return "$";
      const name = bare ?? braced ?? "";
      const index = /^\d+$/.test(name) ? Number(name) + skip : regex.names.get(name);
      const from = index === undefined ? -1 : (groups[2 * index] ?? -1);
      return from < 0 ? "" : value.slice(from, groups[2 * index! + 1]!);
    },
  );
}

/** Every match of `pattern` in `text`, from left to right, replaced; or why the pattern is refused. */
export function replaceAll(
  pattern: string,
  replacement: string,
  text: string,
): { readonly text: string } | { readonly error: string } {
  // The machine matches whole texts: what is before and behind a match are groups of their own.
  const regex = compileRegex(`(?s:(.*?))(${pattern})(?s:.*)`);
  if ("error" in regex) return regex;
  let done = "";
  let rest = text;
  for (;;) {
    const groups = regex.match(rest);
    if (groups === undefined) return { text: done + rest };
    const [from, to] = [groups[4]!, groups[5]!];
    done += rest.slice(0, from) + expandGroups(replacement, rest, groups, regex, 2);
    if (to === rest.length) return { text: done };
    // An empty match goes on behind the next character.
    const next = to > from ? to : to + 1;
    done += rest.slice(to, next);
    rest = rest.slice(next);
  }
}
