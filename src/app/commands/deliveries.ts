// homeostat deliveries: messages to receivers that did not get through, sending them again, and how receivers are.
import { parseArgs } from "node:util";
import type { ReceiverState } from "../../model/ports/outbox.ts";
import type { Letter } from "../../show/contract.ts";
import { apiHelp, apiOptions, connectApi } from "../api-client.ts";
import { type Command, usageError, userError } from "../command.ts";
import { formatAt } from "../incident/print.ts";
import { plain } from "../incident/untrusted.ts";

const listed = 50;
const states = ["failed", "pending", "delivered", "all"];

export const deliveries: Command = {
  name: "deliveries",
  summary: "list messages that did not get through, and send them again",
  help: `Usage: homeostat deliveries [--state STATE] [--receiver NAME] [--limit N] [--json]
       homeostat deliveries replay ID [--json]
       homeostat deliveries receivers [--json]

Lists messages of the outbox, newest first: dead letters, which are not tried any more, unless another state is asked for. Replay sends one
of them again: the same id, the same bytes, a fresh signature; who did is in the ledger. What changes the fleet is not replayed once its
attempt is over. Receivers shows whose circuit breaker is open, and how many messages wait.

  --state STATE     failed (default), pending, delivered or all
  --receiver NAME   only to this one
  --limit N         so many messages, 1 to 1000 (default ${listed})
${apiHelp}
  --json            one JSON document a line

The token needs the role operator; for receivers any will do.

Example: homeostat deliveries --state pending --receiver fleet`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...apiOptions,
        state: { type: "string", default: "failed" },
        receiver: { type: "string" },
        limit: { type: "string", default: String(listed) },
        json: { type: "boolean", default: false },
      },
    });
    const [word, id, ...rest] = positionals;
    const isReplay = word === "replay";
    if (rest.length > 0 || (id !== undefined) !== isReplay || !["replay", "receivers", undefined].includes(word))
      throw usageError("it takes replay ID, receivers, or nothing");
    if (!states.includes(values.state)) throw usageError(`--state is none of ${states.join(", ")}`);
    const api = connectApi(values);
    const tell = <T>(rows: readonly T[], lineOf: (row: T) => string): void => {
      for (const row of rows) io.out(values.json ? JSON.stringify(row) : plain(lineOf(row)));
    };
    if (isReplay) {
      const path = `/api/v1/deliveries/${encodeURIComponent(id!)}/replay`;
      const answer = (await api.post(path)) as { readonly data?: Letter } | undefined;
      if (answer?.data === undefined)
        throw userError(`the outbox has no message ${id}; homeostat deliveries lists them`);
      tell([answer.data], letterLine);
      return 0;
    }
    if (word === "receivers") {
      tell(await dataOf<ReceiverState>(api.find("/api/v1/receivers")), receiverLine);
      return 0;
    }
    const asked = new URLSearchParams({
      limit: values.limit,
      ...(values.state === "all" ? {} : { state: values.state }),
      ...(values.receiver === undefined ? {} : { receiver: values.receiver }),
    });
    const letters = await dataOf<Letter>(api.find(`/api/v1/deliveries?${asked}`));
    if (letters.length === 0 && !values.json)
      io.out(
        values.state === "all"
          ? "no message was sent yet"
          : `no message is ${values.state}; --state all lists every one`,
      );
    tell(letters, letterLine);
    return 0;
  },
};

async function dataOf<T>(asked: Promise<unknown>): Promise<readonly T[]> {
  const answer = (await asked) as { readonly data?: readonly T[] } | undefined;
  if (!Array.isArray(answer?.data)) throw userError("the service shows no outbox; ask a Homeostat of this version");
  return answer.data;
}

function letterLine({ id, receiver, state, createdAt, attempts, error }: Letter): string {
  const why = error === undefined ? "" : `: ${error}`;
  return `${formatAt(createdAt)}  ${state.padEnd(9)}  ${id} to ${receiver}, ${attempts} tries${why}`;
}

function receiverLine({ name, url, breaker, waiting, opensUntil }: ReceiverState): string {
  const until = opensUntil === undefined ? "" : ` until ${formatAt(opensUntil)}`;
  return `${name}  ${url}  breaker ${breaker}${until}, ${waiting} waiting`;
}
