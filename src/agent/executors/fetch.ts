// Getting one listed file from the declared source, a folder or an https host, into an open file.
import { readFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import https from "node:https";
import type { Readable } from "node:stream";
import { openPlain, walk } from "../beneath.ts";
import type { StepOf } from "../step-schema.ts";
import type { Listed } from "./manifest.ts";

export type Source = NonNullable<StepOf<"checksum">["source"]>;

const redirectsMax = 5;
/** Where no size is listed. */
const bytesMax = 1e12;

/** Rejects, with a word why, on anything but all of the file. Its content is not believed: who calls compares the sum. */
export async function fetchListed(source: Source, file: Listed, into: FileHandle, stallMs: number): Promise<void> {
  const { bytes = bytesMax } = file;
  if ("folder" in source) {
    const place = await walk(source.folder, file.name);
    await using folder = place.folder;
    await using from = await openPlain(folder.at(place.name));
    return await pour(from.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 }), into, bytes, stallMs);
  }
  const ca = source.ca === undefined ? undefined : readFileSync(source.ca);
  const hosts = new Set([new URL(source.url).hostname, ...source.redirects]);
  let url = new URL(file.name.split("/").map(encodeURIComponent).join("/"), source.url);
  for (let hop = 0; hop <= redirectsMax; hop++) {
    if (url.protocol !== "https:" || !hosts.has(url.hostname) || url.username !== "" || url.password !== "")
      throw new Error(`the source sends us on to ${url.protocol}//${url.hostname}, which is not declared`);
    const answer = await get(url, ca, stallMs);
    const { statusCode = 0, headers } = answer;
    if (statusCode === 200) return await pour(answer, into, bytes, stallMs);
    answer.destroy();
    if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined)
      throw new Error(`the source answered ${statusCode}`);
    url = new URL(headers.location, url);
  }
  throw new Error("the source sends us round in circles");
}

function get(url: URL, ca: Buffer | undefined, stallMs: number) {
  return new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    const headers = { "accept-encoding": "identity", "user-agent": "homeostat-agent" };
    const request = https.get(url, { agent: false, headers, ...(ca === undefined ? {} : { ca }) }, resolve);
    request.setTimeout(stallMs, () => request.destroy(new Error("the source is silent")));
    request.on("error", reject);
  });
}

async function pour(from: Readable, into: FileHandle, bytes: number, stallMs: number): Promise<void> {
  let at = 0;
  let late = setTimeout(() => {}, 0);
  const wait = (): void => {
    clearTimeout(late);
    late = setTimeout(() => from.destroy(new Error("the source is silent")), stallMs);
  };
  try {
    wait();
    for await (const chunk of from as AsyncIterable<Buffer>) {
      if (at + chunk.length > bytes) throw new Error("the source sends more than is listed");
      for (let done = 0; done < chunk.length; )
        done += (await into.write(chunk, done, chunk.length - done, at + done)).bytesWritten;
      at += chunk.length;
      wait();
    }
  } finally {
    clearTimeout(late);
    from.destroy();
  }
  if (bytes !== bytesMax && at !== bytes) throw new Error("the source sends less than is listed");
}
