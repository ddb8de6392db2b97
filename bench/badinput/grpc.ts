// What may be wrong with a gRPC call: in its message, and below it in HTTP/2.
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { gzipSync } from "node:zlib";
import { exportOverGrpc } from "../../test/receive/door-client.ts";
import { type Case, connectFrom, heard } from "./case.ts";
import type { Door } from "./door.ts";
import { spans } from "./messages.ts";

const path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const mib = 2 ** 20;
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const RESETS = 20_000;
const GIVE_UP_MS = 10_000;
/** grpc-js closes a connection it told to go away only once it finds it dead. */
const BARE_MS = 1500;

export function grpcCases(): Case[] {
  const good = spans([{ name: "refused" }]);
  return [
    message("a length of 1 GiB over 10 bytes", [3, 8, 13], framed(0, 2 ** 30, Buffer.alloc(10))),
    message("a length beyond what was sent", [3, 12, 13], framed(0, good.length + 100, good)),
    message("a length short of what was sent", [3, 8, 12, 13], framed(0, 3, good)),
    message("no message", [3, 12, 13], Buffer.alloc(0)),
    message("half a prefix", [3, 12, 13], Buffer.from([0, 0])),
    // grpc-js does not look at the flag where no encoding is declared, and takes the message as it is.
    message("a compression flag without an encoding", [0, 3, 12, 13], framed(1, good.length, good)),
    message("a compression flag of 7", [0, 3, 12, 13], framed(7, good.length, good)),
    message("gzip declared, plain sent", [3, 13], framed(1, good.length, good), "gzip"),
    message("an encoding nobody has", [12], framed(1, good.length, good), "zstd"),
    message("a gzip bomb", [8], bomb(), "gzip"),
    message("a protobuf cut short", [3], framed(0, 40, good.subarray(0, 40))),
    message(
      "two messages in one call",
      [3, 12, 13],
      Buffer.concat([framed(0, good.length, good), framed(0, good.length, good)]),
    ),
    session("rapid reset", rapidReset),
    bare("a frame of 16 MiB", frame(2 ** 24 - 1, 0, 0, 1)),
    bare("a settings frame of a wrong length", frame(5, 4, 0, 0, Buffer.alloc(5))),
    bare("a window of 0", frame(4, 8, 0, 0, Buffer.alloc(4))),
    bare("headers that are not HPACK", frame(8, 1, 4, 1, Buffer.alloc(8, 0xff))),
    bare("continuations without end", Buffer.concat([frame(8, 1, 0, 1, Buffer.alloc(8)), continuations()])),
    bare("20,000 pings", Buffer.concat(Array.from({ length: 20_000 }, () => frame(8, 6, 0, 0, Buffer.alloc(8)))), true),
    bare("20,000 settings", Buffer.concat(Array.from({ length: 20_000 }, () => frame(0, 4, 0, 0))), true),
    bare("not HTTP/2 at all", Buffer.from("GET / HTTP/1.1\r\n\r\n")),
  ];
}

function openSession(door: Door): ClientHttp2Session {
  const createConnection = (): ReturnType<typeof connectFrom> => connectFrom(door.grpcPort);
  return connectHttp2("http://127.0.0.1", { createConnection });
}

/** One call with this body must end with one of these codes. */
function message(name: string, codes: readonly number[], body: Buffer, encoding?: string): Case {
  return {
    group: "grpc",
    name,
    async run(door) {
      const client = openSession(door);
      client.on("error", () => {});
      try {
        const code = await call(client, body, encoding);
        return codes.includes(code) ? undefined : `ended with ${code}, not ${codes.join(" or ")}`;
      } finally {
        client.destroy();
      }
    },
  };
}

function session(name: string, attack: (client: ClientHttp2Session) => Promise<void>): Case {
  return {
    group: "grpc",
    name,
    many: true,
    async run(door) {
      const client = openSession(door);
      client.on("error", () => {});
      await attack(client).finally(() => client.destroy());
      return stillServes(door, name);
    },
    valid: [`valid after ${name}`],
  };
}

/** Bytes behind the preface; the connection must be closed or told to go away, unless it may go on. */
function bare(name: string, bytes: Buffer, mayGoOn = false): Case {
  return {
    group: "grpc",
    name,
    many: true,
    async run(door) {
      const socket = connectFrom(door.grpcPort);
      const isHttp2 = !name.startsWith("not");
      socket.write(isHttp2 ? Buffer.concat([Buffer.from(preface), frame(0, 4, 0, 0), bytes]) : bytes);
      const answer = await heard(socket, BARE_MS);
      if (!mayGoOn && answer.endsWith("(still open)") && !saysGoAway(answer))
        return "neither closed nor told to go away";
      return stillServes(door, name);
    },
    valid: [`valid after ${name}`],
  };
}

/** A frame of type 7 among those the server sent. */
function saysGoAway(answer: string): boolean {
  const bytes = Buffer.from(answer, "latin1");
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) if (bytes[at + 3] === 7) return true;
  return false;
}

async function stillServes(door: Door, name: string): Promise<string | undefined> {
  try {
    await exportOverGrpc(door.grpcPort, "traces", spans([{ name: `valid after ${name}` }]));
    return undefined;
  } catch (error) {
    return `a good call failed afterwards: ${String(error)}`;
  }
}

/** The code of the call's trailers; -1 where the stream or the connection ended without, -2 where nothing came. */
function call(client: ClientHttp2Session, body: Buffer, encoding: string | undefined): Promise<number> {
  return new Promise((resolve) => {
    const stream = client.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...(encoding === undefined ? {} : { "grpc-encoding": encoding }),
    });
    const timer = setTimeout(() => resolve(-2), GIVE_UP_MS);
    let code = -1;
    const note = (headers: Record<string, unknown>): void => {
      if (headers["grpc-status"] !== undefined) code = Number(headers["grpc-status"]);
    };
    stream
      .on("response", note)
      .on("trailers", note)
      .on("error", () => {})
      .resume();
    stream.once("close", () => {
      clearTimeout(timer);
      resolve(code);
    });
    stream.end(body);
  });
}

async function rapidReset(client: ClientHttp2Session): Promise<void> {
  for (let i = 0; i < RESETS && !client.destroyed && !client.closed; i++) {
    const stream = client.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

function framed(flag: number, length: number, bytes: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

function bomb(): Buffer {
  const bytes = gzipSync(Buffer.alloc(256 * mib));
  return framed(1, bytes.length, bytes);
}

function frame(length: number, type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function continuations(): Buffer {
  const header = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0x81, 0]), Buffer.alloc(256, 0x62)]);
  return Buffer.concat(Array.from({ length: 2000 }, () => frame(header.length, 9, 0, 1, header)));
}
