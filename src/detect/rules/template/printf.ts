// Go's fmt.Sprintf for what templates hold: texts, numbers, truth values.
import { formatFixed, formatGeneral } from "./format.ts";
import type { Datum } from "./values.ts";
import { isInt, write } from "./values.ts";

/** Widest field and most digits taken. */
const sizeMax = 100;

/** Mistakes are written into the text, as Go writes them: `%!d(float64=1.5)`, `%!s(MISSING)`. */
export function printf(format: string, args: readonly Datum[]): string {
  let next = 0;
  const text = format.replace(
    /%([-+# 0]*)(\d*)(?:\.(\d*))?([a-zA-Z%])?/g,
    (_, flags: string, width: string, digits: string | undefined, verb: string | undefined) => {
      if (verb === undefined) return "%!(NOVERB)";
      if (verb === "%") return "%";
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const precision = digits === undefined ? undefined : Math.min(sizeMax, Number(digits));
      return pad(formatVerb(verb, precision, flags, args[next++]), Math.min(sizeMax, Number(width)), flags);
    },
  );
  const extra = args.slice(next).map((arg) => `${kindOf(arg)}=${write(arg)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(", ")})`;
}

function formatVerb(verb: string, digits: number | undefined, flags: string, datum: Datum): string {
  const wrong = `%!${verb}(${kindOf(datum)}=${write(datum)})`;
  if (verb === "v") return write(datum);
  if (verb === "t") return typeof datum === "boolean" ? String(datum) : wrong;
  if (typeof datum === "number") {
    const plus = flags.includes("+") && datum >= 0 ? "+" : "";
    if (verb === "f" || verb === "F") return plus + formatFixed(datum, digits ?? 6);
    if (verb === "g") return plus + (digits === undefined ? write(datum) : formatGeneral(datum, digits));
    if (verb === "e") return plus + datum.toExponential(digits ?? 6).replace(/e([+-])(\d)$/, "e$10$2");
    return wrong;
  }
  if (isInt(datum)) {
    if (verb === "d") return (flags.includes("+") && datum.int >= 0 ? "+" : "") + String(datum.int);
    if (verb === "x") return datum.int.toString(16);
    return wrong;
  }
  if (verb === "s") return digits === undefined ? write(datum) : [...write(datum)].slice(0, digits).join("");
  if (verb === "q" && typeof datum === "string") return JSON.stringify(datum);
  return wrong;
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes("-")) return text.padEnd(width);
  if (!flags.includes("0")) return text.padStart(width);
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + text.slice(sign.length).padStart(width - sign.length, "0");
}

function kindOf(datum: Datum): string {
  if (typeof datum === "number") return "float64";
  if (typeof datum === "string") return "string";
  if (typeof datum === "boolean") return "bool";
  return isInt(datum) ? "int" : "map[string]string";
}
