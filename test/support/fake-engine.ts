// A peer on the wire that speaks the routes of OpenAI as engines do, and whatever broken ones do instead.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Seen {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Readonly<Record<string, unknown>>;
  /** The prompt or the last message. */
  readonly prompt: string;
}

/** Text of the answer, or what is done with the connection instead. */
export type Say = (seen: Seen) => string | ((response: ServerResponse) => void);

export interface FakeEngine extends AsyncDisposable {
  readonly url: string;
  /** Requests for completions, in the order they came. */
  readonly seen: readonly Seen[];
  /** Most requests that were ever open at once. */
  readonly openMax: () => number;
}

export async function startEngine(say: Say, options: { model?: string; finish?: string } = {}): Promise<FakeEngine> {
  const model = options.model ?? "tiny";
  const seen: Seen[] = [];
  let open = 0;
  let openMax = 0;
  const server = createServer((request, response) => {
    openMax = Math.max(openMax, ++open);
    response.once("close", () => open--);
    if (request.url === "/v1/models") return json(response, { object: "list", data: [{ id: model, object: "model" }] });
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>;
      const messages = body["messages"] as { content: string }[] | undefined;
      const prompt = messages?.at(-1)?.content ?? String(body["prompt"]);
      const one: Seen = { path: request.url ?? "", headers: request.headers, body, prompt };
      seen.push(one);
      const said = say(one);
      if (typeof said !== "string") return said(response);
      const finish_reason = options.finish ?? "stop";
      const choice = messages === undefined ? { text: said } : { message: { role: "assistant", content: said } };
      json(response, {
        model: body["model"],
        choices: [{ index: 0, finish_reason, ...choice }],
        usage: { prompt_tokens: Math.ceil(prompt.length / 4), completion_tokens: Math.ceil(said.length / 4) },
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    openMax: () => openMax,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}
