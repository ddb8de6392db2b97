// The fleet's door for others: signed webhooks that ask for repairs, and each replica's /metrics page.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Answer, Request } from "./action.ts";
import { expositionType } from "./exposition.ts";
import { checkSecret, verifyWebhook } from "./webhook.ts";

export interface ControlOptions {
  /** 0 = any free port. */
  readonly port: number;
  /** `whsec_<base64>`; without one every webhook is refused. */
  readonly secret?: string;
  /** Wall time, Unix ms. */
  readonly now: () => number;
  readonly perform: (request: Request, webhookId: string) => Answer;
  /** The page of a replica; "down" while it starts, undefined for a name nobody has. */
  readonly page: (replica: string) => string | "down" | undefined;
  readonly telemetry: Telemetry;
}

export interface Control {
  /** Base URL. `POST /webhook` takes webhooks, `GET /replicas/<name>/metrics` gives a page. */
  readonly url: string;
  close(): Promise<void>;
}

const Message = z.object({
  type: z.enum(["action.requested", "action.undo"]),
  data: z.object({
    action: z.string().min(1).max(64),
    target: z.string().min(1).max(256),
    parameters: z.record(z.string(), z.string()).default({}),
  }),
});

const bodyBytesMax = 65_536;
const idsMax = 1000;

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Listens on loopback. Throws a RangeError on a secret too short to be one. */
export async function openControl(options: ControlOptions): Promise<Control> {
  const { secret, now, perform, page, telemetry } = options;
  if (secret !== undefined) checkSecret(secret);
  /** Answers by webhook id, oldest first: a repeated webhook gets the same answer and does nothing. */
  const answered = new Map<string, Reply>();

  function act(request: IncomingMessage, body: Buffer): Reply {
    if (secret === undefined) return refuse(403, "no webhook secret is configured: nobody may control this fleet");
    const header = (name: string): string | undefined => request.headers[name]?.toString();
    const headers = {
      id: header("webhook-id"),
      timestamp: header("webhook-timestamp"),
      signature: header("webhook-signature"),
    };
    const verified = verifyWebhook(headers, body, secret, now());
    if (verified.kind === "forged") return refuse(401, verified.reason);
    const before = answered.get(verified.id);
    if (before !== undefined) return { ...before, body: { ...before.body, repeated: true } };
    const message = Message.safeParse(parseJson(body));
    if (!message.success)
      return refuse(400, `not an action.requested or action.undo message: ${z.prettifyError(message.error)}`);
    const { type, data } = message.data;
    const action = type === "action.undo" ? `undo-${data.action}` : data.action;
    const answer = perform({ ...data, action }, verified.id);
    // What was refused may be asked for again under the same id, once things have changed.
    if (answer.kind === "refused") return refuse(answer.status, answer.reason);
    const reply = { status: 202, body: { id: verified.id, will: answer.will } };
    answered.set(verified.id, reply);
    if (answered.size > idsMax) answered.delete(answered.keys().next().value!);
    return reply;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (request.method === "POST" && (path === "/webhook" || path === "/")) {
      const body = await readBody(request);
      const { status, body: json } =
        body === undefined ? refuse(413, `at most ${bodyBytesMax} bytes`) : act(request, body);
      telemetry.count("homeostat.simulate.webhooks", 1, { status: String(status) });
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
      return;
    }
    const name = /^\/replicas\/([^/]+)\/metrics$/.exec(path)?.[1];
    const text = request.method === "GET" && name !== undefined ? page(name) : undefined;
    if (text === undefined) response.writeHead(404).end("not found\n");
    else if (text === "down") response.writeHead(503).end("starting\n");
    else response.writeHead(200, { "content-type": expositionType }).end(text);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      telemetry.log.warn("control request failed", { error: String(error) });
      response.destroy();
    });
  });
  await listen(server, options.port);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refuse(status: number, reason: string): Reply {
  return { status, body: { error: reason } };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Undefined when it is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bodyBytesMax) chunks.push(chunk);
  }
  return bytes > bodyBytesMax ? undefined : Buffer.concat(chunks);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}
