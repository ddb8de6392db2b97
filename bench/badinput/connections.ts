// Connections that misbehave: slow ones by the hundred, requests without end, garbage behind good requests.
import type { Case } from "./case.ts";
import { connectFrom, heard } from "./case.ts";
import type { Door } from "./door.ts";
import { spans } from "./messages.ts";

const head = (rest: string): string =>
  `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n${rest}\r\n`;
const SLOW = 300;
/** One address may have a hundred connections. */
const PER_ADDRESS = 75;
const DRIP_MS = 100;

export function connectionCases(): Case[] {
  const one = (name: string, run: Case["run"], valid: readonly string[] = []): Case => ({
    group: "connections",
    name,
    run,
    valid,
    many: true,
  });
  return [
    one(`${SLOW} connections whose headers trickle in`, (door) =>
      slowly(door, "POST /v1/traces HTTP/1.1\r\n", "x: y\r\n"),
    ),
    one(`${SLOW} connections whose bodies trickle in`, (door) => slowly(door, head("Content-Length: 100000\r\n"), "x")),
    one(`${SLOW} chunked bodies without end`, (door) =>
      slowly(door, head("Transfer-Encoding: chunked\r\n"), "1\r\nx\r\n"),
    ),
    one("250 connections of one address", tooManyOfOne),
    one("bytes that are not HTTP", (door) => said(door, "\u0016\u0003\u0001 hello\r\n\r\n", /^HTTP\/1\.1 400 /)),
    one("headers of 20 KB", (door) =>
      said(door, `GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /),
    ),
    one("a chunk of no size", (door) =>
      said(door, `${head("Transfer-Encoding: chunked\r\n")}zz\r\nx\r\n0\r\n\r\n`, /^HTTP\/1\.1 400 /),
    ),
    one("length and chunks at once", (door) =>
      said(door, `${head("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")}0\r\n\r\n`, /^HTTP\/1\.1 400 /),
    ),
    one("two lengths", (door) =>
      said(door, `${head("Content-Length: 4\r\nContent-Length: 5\r\n")}aaaa`, /^HTTP\/1\.1 400 /),
    ),
    one("a negative length", (door) => said(door, `${head("Content-Length: -1\r\n")}`, /^HTTP\/1\.1 400 /)),
    one("a length of 2^60", (door) => said(door, head(`Content-Length: ${2n ** 60n}\r\n`), /^HTTP\/1\.1 413 /)),
    one("chunks beyond the limit", endlessChunks),
    one("garbage behind a good request", garbageBehind, ["valid before garbage"]),
    one("500 connections that go away in the middle of a body", goneAway),
  ];
}

/** All of them must be told 408 and let go. */
async function slowly(door: Door, start: string, drop: string): Promise<string | undefined> {
  const answers = await Promise.all(
    Array.from({ length: SLOW }, (_, i) => {
      const socket = connectFrom(door.httpPort, 10 + Math.floor(i / PER_ADDRESS));
      socket.write(start);
      const drip = setInterval(() => socket.write(drop), DRIP_MS);
      return heard(socket).finally(() => clearInterval(drip));
    }),
  );
  const other = answers.filter((answer) => !answer.startsWith("HTTP/1.1 408 "));
  return other.length === 0
    ? undefined
    : `${other.length} of ${SLOW} were not told 408, but: ${other[0]!.slice(0, 60)}`;
}

async function tooManyOfOne(door: Door): Promise<string | undefined> {
  let closed = 0;
  const sockets = Array.from({ length: 250 }, () => connectFrom(door.httpPort, 30).once("close", () => closed++));
  // Those that stay would be told 408 after a second.
  for (let waited = 0; closed < 150 && waited < 40; waited++) await new Promise((resolve) => setTimeout(resolve, 20));
  const early = closed;
  for (const socket of sockets) socket.destroy();
  return early === 150 ? undefined : `${early} of 250 were closed, not 150`;
}

async function said(door: Door, text: string, wanted: RegExp): Promise<string | undefined> {
  const socket = connectFrom(door.httpPort);
  socket.write(text, "latin1");
  const answer = await heard(socket);
  return wanted.test(answer) ? undefined : `answered ${JSON.stringify(answer.slice(0, 100))}, not ${wanted}`;
}

async function endlessChunks(door: Door): Promise<string | undefined> {
  const socket = connectFrom(door.httpPort);
  const chunk = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65_536), Buffer.from("\r\n")]);
  socket.write(head("Transfer-Encoding: chunked\r\n"));
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", more);
  more();
  const answer = await heard(socket);
  // The refusal may be lost where the connection is cut while we still send.
  return answer === "" || answer.startsWith("HTTP/1.1 413 ")
    ? undefined
    : `answered ${JSON.stringify(answer.slice(0, 100))}`;
}

async function garbageBehind(door: Door): Promise<string | undefined> {
  const body = spans([{ name: "valid before garbage" }]);
  const socket = connectFrom(door.httpPort);
  socket.write(
    Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}\r\n`)), body, Buffer.from("garbage\r\n\r\n")]),
  );
  const statuses = (await heard(socket)).match(/HTTP\/1\.1 \d\d\d/g)?.join(", ");
  return statuses === "HTTP/1.1 200, HTTP/1.1 400" ? undefined : `answered ${statuses}`;
}

async function goneAway(door: Door): Promise<string | undefined> {
  const rounds = Array.from({ length: 10 }, (_, round) => round);
  for (const round of rounds) {
    const sockets = Array.from({ length: 50 }, () => connectFrom(door.httpPort, 40 + round));
    for (const socket of sockets) socket.write(head("Content-Length: 100000\r\n") + "x".repeat(500));
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const socket of sockets) socket.resetAndDestroy();
  }
  return undefined;
}
