// The same alerts through the real Alertmanager and through our dispatcher: the same notifications come out.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { fingerprint } from "../../src/deliver/feeds/alert.ts";
import { createSilences } from "../../src/deliver/feeds/silences.ts";
import { type Labels, labelsKey } from "../../src/model/labels.ts";
import { alertmanagerPresent, startAlertmanager } from "../support/alertmanager.ts";
import { alertOf, dispatcherOf, line, listen, routingFrom } from "./feed-kit.ts";

// Events fall on even seconds, looks at groups on odd ones: a second of slack each way on a busy machine.
const routing = `
route:
  receiver: rest
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
  routes:
    - receiver: pager
      matchers: ['severity="page"']
      group_by: [cluster]
      continue: true
    - receiver: team
      matchers: ['team=~"llm|infra"', 'env!="dev"']
      group_by: ['...']
    - receiver: repeated
      matchers: ['alertname="Steady"']
      repeat_interval: 3s
inhibit_rules:
  - source_matchers: ['severity="page"']
    target_matchers: ['severity="warning"']
    equal: [cluster]
`;
const receivers = ["rest", "pager", "team", "repeated"];

interface Step {
  readonly at: number;
  readonly fire?: readonly Labels[];
  readonly end?: readonly Labels[];
}
const down1: Labels = { alertname: "Down", severity: "page", cluster: "a", pod: "1" };
const down2: Labels = { alertname: "Down", severity: "page", cluster: "a", pod: "2", team: "llm" };
const slowA: Labels = { alertname: "Slow", severity: "warning", cluster: "a", pod: "3" };
const slowB: Labels = { alertname: "Slow", severity: "warning", cluster: "b", pod: "4" };
const full: Labels = { alertname: "Full", team: "infra", env: "prod" };
const dev: Labels = { alertname: "Full", team: "infra", env: "dev" };
const quiet: Labels = { alertname: "Quiet", pod: "9" };
const steady: Labels = { alertname: "Steady" };
const steps: readonly Step[] = [
  { at: 0, fire: [down1, slowA, slowB, full, dev, quiet, steady] },
  { at: 2000, fire: [down2] },
  { at: 4000, end: [down1, full] },
  { at: 6000, end: [down2, slowB], fire: [full] },
  { at: 8000, end: [slowA, full] },
];
const endsAfter = 10_000;

it.skipIf(!alertmanagerPresent)(
  "tells the same receivers of the same groups, alerts and ends as the real Alertmanager (needs prometheus-alertmanager)",
  { timeout: 60_000 },
  async () => {
    await using hook = await listen();
    const hooks = receivers.map((name) => `  - name: ${name}\n    webhook_configs: [{ url: '${hook.url}/${name}' }]`);
    await using theirs = await startAlertmanager(`${routing}receivers:\n${hooks.join("\n")}\n`);
    const silences = createSilences();
    const ours = dispatcherOf(routingFrom(routing, receivers), receivers, {
      silenced: (labels, now) => silences.mutes(labels, now) !== undefined,
    });
    const start = Date.now();
    const until = { startsAt: start, endsAt: start + 3_600_000, createdBy: "test", comment: "test" };
    silences.add({ ...until, matchers: [{ name: "alertname", op: "=", value: "Quiet" }] }, start);
    await post(`${theirs.url}/api/v2/silences`, {
      ...until,
      startsAt: new Date(start).toISOString(),
      endsAt: new Date(until.endsAt).toISOString(),
      matchers: [{ name: "alertname", value: "Quiet", isRegex: false, isEqual: true }],
    });

    const began = Date.now();
    const fired = new Map<string, number>();
    const told: string[] = [];
    for (const { at, fire = [], end = [] } of steps) {
      await lookUntil(began + at);
      const now = Date.now();
      for (const labels of fire) fired.set(labelsKey(labels), now);
      const alerts = [...fire, ...end].map((labels) => {
        const startsAt = fired.get(labelsKey(labels))!;
        return end.includes(labels) ? alertOf(labels, startsAt, { endsAt: now }) : alertOf(labels, startsAt);
      });
      for (const alert of alerts) ours.put(alert, now);
      await post(
        `${theirs.url}/api/v2/alerts`,
        alerts.map(({ labels, startsAt, endsAt }) => ({
          labels,
          startsAt: new Date(startsAt).toISOString(),
          ...(endsAt === undefined ? {} : { endsAt: new Date(endsAt).toISOString() }),
        })),
      );
    }
    await lookUntil(began + endsAfter);

    async function lookUntil(time: number): Promise<void> {
      for (let now = Date.now(); now < time; now = Date.now()) {
        told.push(...ours.step(now).map(line));
        await sleep(50);
      }
    }
    const heard = hook.seen.map(({ body }) => JSON.parse(body) as Payload);
    expect(new Set(heard.map(lineOfPayload))).toEqual(new Set(told));
    expect(told.length).toBeGreaterThan(12);
    for (const { labels, fingerprint: theirsIs } of heard.flatMap(({ alerts }) => alerts)) {
      expect(fingerprint(labels)).toBe(theirsIs);
    }
  },
);

interface Payload {
  readonly receiver: string;
  readonly status: "firing" | "resolved";
  readonly groupLabels: Labels;
  readonly alerts: readonly { readonly status: string; readonly labels: Labels; readonly fingerprint: string }[];
}

function lineOfPayload({ receiver, status, groupLabels, alerts }: Payload): string {
  const listed = alerts.map((one) => alertOf(one.labels, 0, one.status === "firing" ? {} : { endsAt: 1 }));
  return line({ receiver, status, groupLabels, alerts: listed });
}

async function post(url: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
}
