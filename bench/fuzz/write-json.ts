// Trees to OTLP/JSON, in any of the spellings JSON and its protobuf mapping allow.
import type { Choose } from "./choose.ts";
import type { PlanField } from "./plan.ts";
import type { Scalar } from "./scalars.ts";
import { isTree, type Tree, type Value } from "./tree.ts";

const oddities = [0, 0, 60, 8];
const spaces = [" ", "\n", "\t", "\r\n  "];
const unknownNames = [
  "zz",
  "trace_id",
  "start_time_unix_nano",
  "resource_spans",
  "",
  "__proto__",
  "constructor",
  "Name",
];
const unknownValues = [
  "null",
  "true",
  "-0.5e-3",
  '"\\u00e9\\ud83d\\ude00\\/"',
  "[]",
  "{}",
  '[1,"a",{"b":[null,false]},[[]]]',
  '{"":{"":0},"a":1,"a":2}',
  "123456789012345678901234567890",
];

export function writeJson(tree: Tree, choose: Choose): string {
  const oddity = choose.of(oddities);
  const odd = (): boolean => oddity > 0 && choose.below(oddity) === 0;
  return writeTree(tree);

  function space(): string {
    return odd() ? choose.of(spaces) : "";
  }

  function writeTree({ entries }: Tree): string {
    const members: string[] = [];
    const lists = new Map<PlanField, number>();
    for (const entry of entries) {
      if (entry.field === undefined) {
        members.push(member(choose.of(unknownNames), choose.of(unknownValues)));
        continue;
      }
      const { field, value } = entry;
      if (odd()) members.push(member(field.name, "null"));
      if (!field.repeated) {
        members.push(member(snaked(field.name), one(field, value)));
        if (odd()) members.push(member(field.name, "null"));
        continue;
      }
      // Elements of a list stand together, or now and then under the same name again.
      const elements = Array.isArray(value) ? value : [value];
      const text = elements.map((element) => one(field, element)).join(`${space()},${space()}`);
      const before = odd() ? undefined : lists.get(field);
      if (before === undefined) {
        lists.set(field, members.length);
        members.push(member(field.name, `[${space()}${text}${odd() && text !== "" ? ",null" : ""}]`));
      } else if (text !== "") {
        const list = members[before]!;
        const head = list.slice(0, -1);
        members[before] = `${head}${head.trimEnd().endsWith("[") ? "" : ","}${text}]`;
      }
    }
    return `{${space()}${members.join(`${space()},${space()}`)}${space()}}`;
  }

  function member(name: string, value: string): string {
    return `${quote(name)}${space()}:${space()}${value}`;
  }

  /** Seldom: such a name is unknown, and its value is not looked at. */
  function snaked(name: string): string {
    return odd() && choose.below(6) === 0 ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name;
  }

  function one(field: PlanField, value: Value): string {
    if (Array.isArray(value)) return "null";
    if (isTree(value)) return writeTree(value);
    return scalarText(field, value);
  }

  function scalarText(field: PlanField, value: Scalar): string {
    switch (field.type) {
      case "string":
        return quote(typeof value === "string" ? value : Buffer.from(value as Uint8Array).toString());
      case "bytes":
        return quote(bytesText(field, Buffer.from(value as Uint8Array)));
      case "bool":
        return String(value);
      case "double":
        return doubleText(value as number);
      default:
        return integerText(field, String(value));
    }
  }

  function bytesText(field: PlanField, bytes: Buffer): string {
    if (/[iI]d$/.test(field.name)) return odd() ? bytes.toString("hex").toUpperCase() : bytes.toString("hex");
    return odd() ? bytes.toString("base64url") : bytes.toString("base64");
  }

  function doubleText(value: number): string {
    if (!Number.isFinite(value)) return `"${value}"`;
    const text = Object.is(value, -0) ? "-0" : String(value);
    const spelled = odd() ? choose.of([value.toExponential(), `${text}${/[.e]/.test(text) ? "" : ".0"}`]) : text;
    return odd() ? `"${spelled}"` : spelled;
  }

  function integerText(field: PlanField, text: string): string {
    const wide = field.type.endsWith("64");
    if (!odd()) return wide ? `"${text}"` : text;
    const safe = Number.isSafeInteger(Number(text));
    const exponent = Number(text)
      .toExponential()
      .replace("+", choose.of(["", "+"]));
    const spelled = choose.of(safe ? [text, `${text}.0`, `${text}e0`, exponent, exponent.toUpperCase()] : [text]);
    return choose.below(2) === 0 ? `"${spelled}"` : spelled;
  }

  function quote(text: string): string {
    if (!odd()) return JSON.stringify(text);
    const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
    const spelled = units.map((unit) => {
      const surrogate = unit >= 0xd800 && unit < 0xe000;
      if (!surrogate && choose.below(3) > 0) return JSON.stringify(String.fromCharCode(unit)).slice(1, -1);
      const hex = unit.toString(16).padStart(4, "0");
      return `\\u${choose.below(2) === 0 ? hex : hex.toUpperCase()}`;
    });
    return `"${spelled.join("")}"`;
  }
}
