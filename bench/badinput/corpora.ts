// Cases from collections of bad input that lie beside the repository; none where they are absent.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type Case, httpCase, json, protobuf } from "./case.ts";
import { spanJson, spans } from "./messages.ts";

const folder = "../shared/data/badinput";
const paths = ["/v1/traces", "/v1/metrics", "/v1/logs"];

export function corpusCases(): Case[] {
  if (!existsSync(`${folder}/otlp_bad`)) return [];
  return [...otlpBad(), ...jsonSuite(), ...naughtyStrings(), ...fuzzCorpus("protobuf"), ...fuzzCorpus("json")];
}

function otlpBad(): Case[] {
  interface Entry {
    readonly file: string;
    readonly path: string;
    readonly contentType: string;
    readonly contentEncoding: string | null;
    readonly expect: string;
  }
  const entries = JSON.parse(readFileSync(`${folder}/otlp_bad/manifest.json`, "utf8")) as Entry[];
  return entries.map(({ file, path, contentType, contentEncoding, expect }) => {
    const headers = {
      "Content-Type": contentType,
      ...(contentEncoding === null ? {} : { "Content-Encoding": contentEncoding }),
    };
    const options = /rejected_spans=1|rejected 1/.test(expect) ? { path, headers, says: /./s } : { path, headers };
    const allowed = (expect.match(/\b[24]\d\d\b/g) ?? (expect.includes("partial") ? ["200"] : [])).map(Number);
    // Empty gzip members make an empty body, which is a valid empty request.
    const statuses = file === "gz_empty_members_50k.gz" ? [200] : allowed;
    return httpCase("otlp_bad", file, statuses, readFileSync(`${folder}/otlp_bad/${file}`), options);
  });
}

/** Each text as the value of an unknown field behind a good span: what is not JSON spoils the request, what is does not. */
function jsonSuite(): Case[] {
  const directory = `${folder}/json_test_suite/test_parsing`;
  return readdirSync(directory).map((file) => {
    const marker = `valid json ${file}`;
    const good = spanJson(marker).slice(0, -1);
    const body = Buffer.concat([
      Buffer.from(`${good},"unknown":`),
      readFileSync(`${directory}/${file}`),
      Buffer.from("}"),
    ]);
    if (file.startsWith("y_"))
      return httpCase("json_test_suite", file, [200], body, { headers: json, valid: [marker] });
    return httpCase("json_test_suite", file, staysWrong(file) ? [400] : [200, 400], body, { headers: json });
  });
}

/** Some are wrong only as a whole document, or are open to choice. */
function staysWrong(file: string): boolean {
  return (
    file.startsWith("n_") && !/n_structure_(no_data|object_with_trailing|array_trailing|close_unopened)/.test(file)
  );
}

function naughtyStrings(): Case[] {
  const texts = JSON.parse(readFileSync(`${folder}/blns/blns.json`, "utf8")) as string[];
  const named = texts.map((text, i) => ({ name: `valid naughty ${i}`, attribute: [text, text] as const }));
  const cases: Case[] = [];
  for (let from = 0; from < named.length; from += 50) {
    const part = named.slice(from, from + 50);
    const valid = part.map(({ name }) => name);
    cases.push(httpCase("blns", `strings from ${from}`, [200], spans(part), { valid }));
  }
  return cases;
}

function fuzzCorpus(name: "protobuf" | "json"): Case[] {
  const seeds = untar(gunzipSync(readFileSync(`${folder}/go_fuzz_corpus/${name}.tar.gz`)));
  const headers = name === "json" ? json : protobuf;
  return seeds.map((body, i) =>
    httpCase(`go_fuzz_corpus ${name}`, `seed ${i}`, [200, 400], body, { path: paths[i % 3]!, headers }),
  );
}

/** Contents of the plain files of a tar archive: 512-byte headers with the size in octal at 124 and the type at 156. */
function untar(tar: Buffer): Buffer[] {
  const files: Buffer[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    const type = tar[at + 156];
    if (type === 0x30 || type === 0) files.push(tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
