// The outbox as people see it: what is on its way, what did not get through, sending that again, and how receivers are.
import { z } from "zod";
import type { Delivery } from "../model/ports/records.ts";
import { refusedBy } from "./act-routes.ts";
import type { Letter } from "./contract.ts";
import { fromStore, refuse } from "./problem.ts";
import { listParameters, listQueryOf, noParameters, parseParameters } from "./query.ts";
import { idOf, type Route, sendJson } from "./route.ts";

const json = "application/json";
const path = "/api/v1/deliveries";
const parameters = listParameters.omit({ after: true }).extend({
  state: z.enum(["pending", "delivered", "failed"], "must be pending, delivered or failed").optional(),
  receiver: z.string().max(200, "is too long").optional().describe("Only to this one."),
});

export const deliveryRoutes: readonly Route[] = [
  {
    method: "get",
    path,
    needs: "operator",
    summary:
      "Messages of the outbox, newest first; with state=failed the dead letters. For older ones ask again with `to`.",
    parameters,
    answers: [{ status: 200, says: "They.", contentType: json, schema: { page: "Letter" } }],
    async handle({ request, response, deps }) {
      const given = parseParameters(parameters, request.url);
      const { range, limit } = listQueryOf(given, deps.now());
      const { state, receiver } = given;
      const query = {
        limit,
        ...(range === undefined ? {} : { range }),
        ...(state === undefined ? {} : { state }),
        ...(receiver === undefined ? {} : { receiver }),
      };
      const found = await fromStore(deps.telemetry, "reading the outbox", () => deps.outbox.letters(query));
      sendJson(response, 200, { data: found.map(withoutBody) });
    },
  },
  {
    method: "get",
    path: `${path}/:id`,
    needs: "operator",
    summary: "One message of the outbox by its id, with its body.",
    parameters: noParameters,
    answers: [{ status: 200, says: "It.", contentType: json, schema: { one: "Letter" } }],
    async handle({ request, response, deps }) {
      const id = idOf(request.params["id"]);
      const read = () => deps.records.list("deliveries", { id, limit: 1 });
      const [found] = await fromStore(deps.telemetry, "reading the outbox", read);
      if (found === undefined) throw refuse(404, `There is no message of this id. Take one from ${path}.`);
      sendJson(response, 200, { data: { ...withoutBody(found), body: found.body } });
    },
  },
  {
    method: "post",
    path: `${path}/:id/replay`,
    needs: "operator",
    audited: true,
    conflicts: true,
    summary:
      "Send a dead letter again: same id, same bytes, fresh signature. What changes the fleet goes only while its attempt is on and nothing stands against it.",
    parameters: noParameters,
    answers: [{ status: 200, says: "It is on its way.", contentType: json, schema: { one: "Letter" } }],
    async handle({ request, response, deps, principal }) {
      const id = idOf(request.params["id"]);
      const says = ({ receiver }: Delivery): string => `message ${id} to ${receiver} is sent again`;
      const replayed = await fromStore(deps.telemetry, "sending a message again", () =>
        deps.outbox.replay(id, (letter) => deps.act.replayed(principal!, says(letter))),
      );
      if (replayed.kind === "refused") {
        await deps.act.turnedAway(principal!.name, `POST ${path}/${id}/replay: ${replayed.reason}`);
        throw refusedBy(replayed, `${path} for what there is`);
      }
      deps.telemetry.log.info("a message is sent again", { id, by: principal!.name });
      sendJson(response, 200, { data: withoutBody(replayed.letter) });
    },
  },
  {
    method: "get",
    path: "/api/v1/receivers",
    needs: "viewer",
    summary: "Receivers of messages: whether the circuit breaker lets messages through, and how many wait.",
    parameters: noParameters,
    answers: [{ status: 200, says: "They.", contentType: json, schema: { page: "Receiver" } }],
    handle: ({ response, deps }) => sendJson(response, 200, { data: deps.outbox.receivers() }),
  },
];

function withoutBody({ body, ...letter }: Delivery): Letter {
  return { ...letter, bytes: Buffer.byteLength(body) };
}
