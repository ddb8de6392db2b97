// Gets one page of metrics: bounded in time and size, gzip or plain.
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { createGunzip } from "node:zlib";

export interface PageRequest {
  readonly url: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly authorization?: string | undefined;
}

/** Resolves to the text of the page; rejects with a sentence that says what went wrong. Follows no redirect. */
export function fetchPage(options: PageRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      call.destroy();
      reject(new Error(why));
    };
    const send = options.url.startsWith("https:") ? httpsRequest : httpRequest;
    const call = send(options.url, {
      headers: {
        accept: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "accept-encoding": "gzip",
        "user-agent": "homeostat",
        ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
      },
    });
    // One timer for the whole exchange: a page that trickles in is as useless as none.
    const timer = setTimeout(() => fail(`no complete answer within ${options.timeoutMs} ms`), options.timeoutMs);
    call.once("close", () => clearTimeout(timer));
    call.once("error", (error) => reject(error));
    call.once("response", (answer) => {
      if (answer.statusCode !== 200) return fail(`answered with status ${answer.statusCode}`);
      const body = answer.headers["content-encoding"] === "gzip" ? answer.pipe(createGunzip()) : answer;
      const chunks: Buffer[] = [];
      let bytes = 0;
      body.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > options.maxBytes) fail(`the page is larger than ${options.maxBytes} bytes`);
        else chunks.push(chunk);
      });
      body.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
      body.once("error", (error) => fail(error.message));
      answer.once("aborted", () => fail("the connection was closed in the middle of the page"));
    });
    call.end();
  });
}
