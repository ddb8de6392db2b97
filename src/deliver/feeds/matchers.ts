// Label matchers as Alertmanager writes them: `a="b"`, `a!=b`, `{a=~"b|c", d!~"e.*"}`.
import type { LabelMatcher } from "../../model/ports/series-source.ts";
import { whyPatternRefused } from "../../promql/matcher.ts";

const operator = /^\s*([A-Za-z_][\w]*)\s*(=~|!~|!=|=)\s*/;
const quoted = /^"((?:[^"\\\n]|\\["\\n])*)"/;
const bare = /^[^\s,"{}]*/;

/** Throws an error that says what is wrong with `text`. Braces around and a comma at the end are optional. */
export function parseMatchers(text: string): readonly LabelMatcher[] {
  const trimmed = text.trim();
  let rest = trimmed.startsWith("{") && trimmed.endsWith("}") ? trimmed.slice(1, -1) : trimmed;
  const found: LabelMatcher[] = [];
  while (rest.trim() !== "") {
    const head = operator.exec(rest);
    if (head === null)
      throw new Error(
        `matcher ${JSON.stringify(text)}: write it like name="value", name!="value", name=~"regex" or name!~"regex"`,
      );
    rest = rest.slice(head[0].length);
    const value = quoted.exec(rest) ?? bare.exec(rest)!;
    rest = rest.slice(value[0].length).trimStart();
    if (rest !== "" && !rest.startsWith(",")) {
      throw new Error(`matcher ${JSON.stringify(text)}: after the value comes a comma or the end`);
    }
    rest = rest.slice(1);
    const plain = (value[1] ?? value[0]).replace(/\\(["\\n])/g, (_, mark: string) => (mark === "n" ? "\n" : mark));
    found.push(checked({ name: head[1]!, op: head[2] as LabelMatcher["op"], value: plain }));
  }
  return found;
}

/** The matcher itself. Throws where its regular expression is not RE2. */
export function checked(matcher: LabelMatcher): LabelMatcher {
  if (matcher.op === "=~" || matcher.op === "!~") {
    const why = whyPatternRefused(matcher.value);
    if (why !== undefined)
      throw new Error(`matcher of ${matcher.name}: ${JSON.stringify(matcher.value)} is refused: ${why}`);
  }
  return matcher;
}

/** `{a="b",c=~"d"}`, the inverse of {@link parseMatchers}. */
export function formatMatchers(matchers: readonly LabelMatcher[]): string {
  return `{${matchers.map(({ name, op, value }) => `${name}${op}${JSON.stringify(value)}`).join(",")}}`;
}
