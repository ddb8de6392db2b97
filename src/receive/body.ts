// Reading a request body into memory of its own: inflated on the way, hashed on the way, never more than allowed.
import { createHash, type Hash } from "node:crypto";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Encoding, Signal } from "./decoder.ts";
import { limits } from "./limits.ts";

export interface BodyLimits {
  readonly wireBytes: number;
  readonly inflatedBytes: number;
}

/** Claims memory as it is needed; false if there is none left. */
export type Claim = (bytes: number) => boolean;

export type Body =
  | { readonly kind: "read"; readonly bytes: Uint8Array; readonly key: string }
  | { readonly kind: "too-large" | "malformed" | "busy"; readonly says: string }
  /** The client went away. */
  | { readonly kind: "gone" };

/** Bytes hashed in one go; more would hold up other clients. */
const HASH_SLICE = 1024 * 1024;

/** The encoding counts too: the same bytes are another request in another encoding. */
export function startKey(tenant: string, signal: Signal, encoding: Encoding): Hash {
  return createHash("sha256").update(`${tenant}\0${signal}\0${encoding}\0`);
}

/** Content hash of a body that is already in memory, computed without holding up the event loop for long. */
export async function keyOf(tenant: string, signal: Signal, encoding: Encoding, body: Uint8Array): Promise<string> {
  const hash = startKey(tenant, signal, encoding);
  for (let at = 0; at < body.length; at += HASH_SLICE) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve));
    hash.update(body.subarray(at, at + HASH_SLICE));
  }
  return hash.digest("base64");
}

/** Reads `stream` to its end. Stops at the first limit passed; the rest is then left unread. */
export async function readBody(
  stream: Readable,
  gzip: boolean,
  hash: Hash,
  bodyLimits: BodyLimits,
  claim: Claim,
): Promise<Body> {
  const chunks: Uint8Array[] = [];
  let wire = 0;
  let total = 0;
  let over: Body | undefined;
  const source = gzip ? createGunzip({ chunkSize: 64 * 1024 }) : stream;
  if (gzip) {
    stream.on("data", (chunk: Uint8Array) => {
      wire += chunk.length;
      if (wire > bodyLimits.wireBytes) {
        over ??= {
          kind: "too-large",
          says: `the body is larger than ${bodyLimits.wireBytes} bytes; send smaller batches`,
        };
        source.destroy();
      }
    });
    stream.once("error", () => source.destroy());
    stream.once("close", () => {
      if (!stream.readableEnded) source.destroy();
    });
    stream.pipe(source as ReturnType<typeof createGunzip>);
  }
  try {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      total += chunk.length;
      over ??= excess(gzip, wire, total, bodyLimits);
      if (over === undefined && !claim(chunk.length))
        over = { kind: "busy", says: "too much is being received at once; send again later" };
      if (over !== undefined) break;
      hash.update(chunk);
      chunks.push(chunk);
    }
  } catch (error) {
    if (over === undefined && !gzip) return { kind: "gone" };
    if (over === undefined && isZlibError(error))
      return { kind: "malformed", says: `the body is not gzip: ${error.message}` };
    if (over === undefined) return { kind: "gone" };
  } finally {
    if (gzip) {
      stream.unpipe();
      source.destroy();
    }
  }
  return over ?? { kind: "read", bytes: joined(chunks, total), key: hash.digest("base64") };
}

function excess(gzip: boolean, wire: number, total: number, bodyLimits: BodyLimits): Body | undefined {
  const limit = gzip ? bodyLimits.inflatedBytes : bodyLimits.wireBytes;
  if (total > limit) return { kind: "too-large", says: `the body is larger than ${limit} bytes; send smaller batches` };
  if (gzip && total > limits.ratioFromBytes && total > wire * limits.inflateRatio) {
    return { kind: "too-large", says: `the body inflates to more than ${limits.inflateRatio} times its size` };
  }
  return undefined;
}

function joined(chunks: readonly Uint8Array[], total: number): Uint8Array {
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("Z_");
}
