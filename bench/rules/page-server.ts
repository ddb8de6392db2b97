// Serves the fleet's page, a new round every time it is asked, from a process of its own: its cost is nobody's.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pageOf } from "./series.ts";

let round = 1;
let next = pageOf(round);
const server = createServer((_request, response) => {
  response.setHeader("content-type", "text/plain; version=0.0.4");
  response.end(next);
  round++;
  setImmediate(() => {
    next = pageOf(round);
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
