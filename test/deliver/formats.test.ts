// Every receiver's own format: golden payloads, and labels that try to do more than be read.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, test } from "vitest";
import type { Notification } from "../../src/deliver/feeds/dispatcher.ts";
import { apiAlert } from "../../src/deliver/feeds/formats/alertmanager.ts";
import { formatNames, formatOf, renderFitting } from "../../src/deliver/feeds/formats/formats.ts";
import { readSlackAnswer } from "../../src/deliver/feeds/formats/slack.ts";
import { clip } from "../../src/deliver/feeds/text.ts";
import { alertOf } from "./feed-kit.ts";

const start = Date.parse("2026-03-02T10:00:00Z");
const externalUrl = "https://homeostat.example";
const formats = formatNames.filter((name) => name !== "alertmanager");
const common = { alertname: "KvCacheFull", severity: "page", homeostat: "eu-1", homeostat_class: "page" };

function notification(more: Partial<Notification> = {}): Notification {
  const annotations = { summary: "KV cache is full on vllm-2", diagnosis: "too small a cache, since the deploy" };
  return {
    receiver: "oncall",
    groupKey: 'oncall:{}/{severity="page"}#0:{alertname="KvCacheFull"}',
    groupLabels: { alertname: "KvCacheFull" },
    commonLabels: common,
    commonAnnotations: {},
    status: "firing",
    alerts: [
      alertOf({ ...common, entity: "replica:vllm-2" }, start, { annotations, url: `${externalUrl}/api/v1/alerts/a1` }),
      alertOf({ ...common, entity: "replica:vllm-3" }, start - 60_000, {
        endsAt: start,
        annotations: { summary: "over" },
      }),
    ],
    at: start + 30_000,
    before: undefined,
    ...more,
  };
}
const ended = notification({
  status: "resolved",
  alerts: notification().alerts.map((alert) => ({ ...alert, endsAt: start + 60_000 })),
  before: { firing: [], resolved: [], at: start, expiresAt: start },
});
const open = {
  thread: "homeostat-1",
  title: "[FIRING:1] KvCacheFull",
  severity: "critical",
  source: "vllm-2",
} as const;

/** Compares with the file beside; a file that is not there yet is written and fails. */
function golden(name: string, value: unknown): void {
  const path = fileURLToPath(new URL(`./golden/${name}.json`, import.meta.url));
  const text = `${JSON.stringify(value, null, 2)}\n`;
  let kept = "";
  try {
    kept = readFileSync(path, "utf8");
  } catch {
    writeFileSync(path, text);
  }
  expect(text).toBe(kept);
}

describe.each(formats)("the format %s", (name) => {
  const format = formatOf(name, { channel: "C012", externalUrl });
  const render = (one: Notification) => renderFitting(format, one, "homeostat-1", externalUrl);

  it("looks as it always did", () => {
    golden(name, {
      firing: render(notification()),
      resolved: render(ended),
      diagnosed: format.update({ kind: "diagnosed", text: "it is <full>", url: `${externalUrl}/i/1` }, open) ?? null,
      mitigating: format.update({ kind: "mitigating", text: "restart", url: `${externalUrl}/i/1` }, open) ?? null,
    });
  });

  it("stays within the receiver's limit and says how much is missing", () => {
    const alerts = Array.from({ length: 2000 }, (_, pod) =>
      alertOf({ ...common, pod: String(pod), noise: "x".repeat(1000) }, start, {
        annotations: { summary: "s".repeat(4000) },
      }),
    );
    const text = JSON.stringify(render(notification({ alerts })));
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(format.bytesMax);
    expect(text).toMatch(/"truncatedAlerts":1\d\d\d|"left_out":1\d\d\d|… and (19|20)\d\d more|… and 1\d\d\d more/);
  });

  it("is JSON of one line of text each, whatever the labels are", () => {
    const nasty = "a\n<!channel> [x](http://evil) *b* \u202e \ud800 @here <@U1> <http://evil|ok> `c`";
    const hostile = { ...common, entity: nasty, alertname: nasty };
    const alerts = [alertOf(hostile, start, { annotations: { summary: nasty, description: nasty } })];
    const text = JSON.stringify(
      render(notification({ alerts, groupLabels: { alertname: nasty }, commonLabels: hostile })),
    );
    expect(() => JSON.parse(text)).not.toThrow();
    if (name.startsWith("slack")) {
      expect(text).not.toMatch(/<!|<@|<http:\/\/evil|[@]here|\*b\*/);
      // The only links are our own.
      expect([...text.matchAll(/<([^>]*)>/g)].map(([, link]) => link)).toEqual(["http://localhost:7070/a|Details"]);
    }
    if (name === "teams") expect(text).not.toMatch(/(?<!\\\\)\[x(?<!\\\\)\]|<!|[^\\]\*b/);
  });
});

test("labels of nothing but what has to be escaped stay within what Slack takes", () => {
  const label = "&".repeat(10_240);
  const alerts = [alertOf({ ...common, entity: label }, start, { annotations: { summary: label } })];
  const slack = formatOf("slack", { externalUrl });
  const { blocks } = renderFitting(slack, notification({ alerts }), "t", externalUrl) as unknown as {
    blocks: { text: { text: string } }[];
  };
  expect(Math.max(...blocks.map(({ text }) => text.text.length))).toBeLessThanOrEqual(3000);
});

test("an alert for the API carries an end and no more than it needs", () => {
  golden("alertmanager", [apiAlert(notification().alerts[0]!, start + 240_000)]);
});

test("long text is cut between characters and says what is missing", () => {
  const cut = clip("é".repeat(10_240), 1024);
  expect(cut.length).toBeLessThanOrEqual(1024);
  expect(cut).toMatch(/ …\[\+9216\]$/);
  for (let max = 12; max < 40; max++)
    expect(clip("\u{1f600}".repeat(30), max)).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
});

it.each([
  ['{"ok":true,"ts":"1.2"}', { ts: "1.2" }],
  ['{"ok":true,"ts":"<!x>"}', {}],
  ['{"ok":false,"error":"channel_not_found"}', { error: "channel_not_found" }],
  ["ok", { error: "the answer is not JSON" }],
])("Slack's answer %s", (answer, read) => {
  expect(readSlackAnswer(answer)).toEqual(read);
});
