// Looks at YAML text before the parser does: the parser recurses, and deep nesting would end the process.

const sizeLimitBytes = 256 * 1024;
const depthLimit = 64;

/** Says what is wrong with the text, or undefined when it may be parsed. Counts brackets inside quotes too: it errs on the safe side. */
export function refuseYaml(text: string): string | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes > sizeLimitBytes) return `${bytes} bytes, at most ${sizeLimitBytes} are read`;
  const line = tooDeepAt(text);
  return line === undefined ? undefined : `line ${line}: nested deeper than ${depthLimit} levels`;
}

function tooDeepAt(text: string): number | undefined {
  let flow = 0;
  const indents: number[] = [];
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    const body = line.trimStart();
    if (body === "" || body.startsWith("#")) continue;
    const indent = line.length - body.length;
    while (indents.length > 0 && (indents[indents.length - 1] as number) >= indent) indents.pop();
    indents.push(indent);
    // "- - - x" and "? ? x" open a level with every mark.
    const marks = (/^(?:[-?:][ \t]+)*/.exec(body)?.[0] ?? "").replace(/[ \t]/g, "").length;
    for (const char of body) {
      if (char === "[" || char === "{") flow++;
      else if ((char === "]" || char === "}") && flow > 0) flow--;
      if (flow > depthLimit) return i + 1;
    }
    if (indents.length + marks > depthLimit) return i + 1;
  }
  return undefined;
}
