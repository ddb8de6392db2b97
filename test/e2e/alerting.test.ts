// Alerting of a whole service: rules fire and end in a real Alertmanager, a pager, and alerts of others come in.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, test } from "vitest";
import { listen } from "../deliver/feed-kit.ts";
import { alertmanagerPresent, startAlertmanager } from "../support/alertmanager.ts";
import { serveProcess, temporaryFolder, until } from "../support/service.ts";

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

const rules = `
groups:
  - name: slo
    interval: 5s
    rules:
      - alert: BudgetBurn
        expr: vllm:num_requests_waiting > 50
        labels: { slo: latency }
        annotations: { summary: 'the budget burns on {{ $labels.service_instance_id }}' }
`;

/** A service on rules of its own; its queue is what \`waiting\` says, sent every second. */
async function serve(sets: readonly string[]) {
  const folder = temporaryFolder();
  cleanup.push(() => folder.remove());
  const file = join(folder.path, "mine.yaml");
  writeFileSync(file, rules);
  const running = await serveProcess(join(folder.path, "data"), [
    `rules.files=["${file}"]`,
    "observe.tick=* * * * * *",
    "observe.step=2s",
    "observe.lateness=1s",
    "observe.idle=4s",
    'deliver.allow=["127.0.0.0/8"]',
    ...sets,
  ]);
  cleanup.push(async () => {
    running.child.kill("SIGKILL");
    await running.exit;
  });
  let waiting = 100;
  const timer = setInterval(() => void sendWaiting(running.otlpUrl, waiting).catch(() => undefined), 1000);
  cleanup.push(() => clearInterval(timer));
  return { ...running, queue: (value: number) => (waiting = value) };
}

async function sendWaiting(otlpUrl: string, value: number): Promise<void> {
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const resource = { attributes: [attribute("service.name", "chat"), attribute("service.instance.id", "vllm-0")] };
  const dataPoints = [{ timeUnixNano: `${Date.now()}000000`, asDouble: value }];
  const metrics = [{ name: "vllm:num_requests_waiting", gauge: { dataPoints } }];
  const body = JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] });
  await fetch(`${otlpUrl}/v1/metrics`, { method: "POST", headers: { "content-type": "application/json" }, body });
}

interface Shown {
  readonly labels: Record<string, string>;
}
const shownBy = async (url: string): Promise<readonly Shown[]> =>
  (await (await fetch(`${url}/api/v2/alerts?active=true`)).json()) as Shown[];

it.skipIf(!alertmanagerPresent)(
  "a rule fires: the real Alertmanager shows it, its own webhook comes back as ours, and the end goes out (needs prometheus-alertmanager)",
  { timeout: 120_000 },
  async () => {
    await using hook = await listen();
    await using alertmanager = await startAlertmanager(
      `route: { receiver: back, group_by: [alertname], group_wait: 1s, group_interval: 1s }
receivers: [{ name: back, webhook_configs: [{ url: '${hook.url}/back' }] }]
`,
    );
    const receiver = { name: "am", format: "alertmanager", url: `${alertmanager.url}/api/v2/alerts` };
    const service = await serve([`deliver.receivers=[${JSON.stringify(receiver)}]`, "deliver.resend=5m"]);
    const isBurn = ({ labels }: Shown): boolean => labels["alertname"] === "BudgetBurn";
    const shown = await until(async () => (await shownBy(alertmanager.url)).find(isBurn));
    expect(shown.labels).toMatchObject({ homeostat: "homeostat", homeostat_class: "page", slo: "latency" });

    // What Alertmanager tells its webhooks of it, handed to our intake, is known as our own.
    const payload = await until(async () => hook.seen.find(({ body }) => body.includes("BudgetBurn"))?.body);
    const answer = await fetch(`${service.apiUrl}/api/v1/alerts/intake`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: payload,
    });
    expect(await answer.json()).toMatchObject({ taken: 0, own: 1 });

    service.queue(0);
    await until(async () => !(await shownBy(alertmanager.url)).some(isBurn));
    // Told as an end, not let go for want of news: an alert that is not sent again would last twenty minutes.
    const ended = await until(async () => hook.seen.find(({ body }) => /"status":"resolved".*BudgetBurn/.test(body)));
    expect(JSON.parse(ended.body)).toMatchObject({ status: "resolved" });
  },
);

test("a page goes to the pager once, a ticket never, a silence keeps it quiet, and the watchdog beats meanwhile", {
  timeout: 120_000,
}, async () => {
  await using hook = await listen(() => ({ status: 202, body: "{}" }));
  const receivers = [
    { name: "pager", format: "pagerduty", url: `${hook.url}/pager`, routingKey: "key-1" },
    { name: "desk", format: "alertmanager-webhook", url: `${hook.url}/desk` },
  ];
  const route = {
    receiver: "desk",
    group_by: ["alertname"],
    group_wait: "1s",
    group_interval: "2s",
    routes: [{ receiver: "pager", continue: true }, { receiver: "desk" }],
  };
  const service = await serve([
    `deliver.receivers=${JSON.stringify(receivers)}`,
    `deliver.route=${JSON.stringify(route)}`,
    `deliver.watchdog.url=${hook.url}/alive`,
    "deliver.watchdog.interval=1s",
  ]);
  const at = (path: string) => hook.seen.filter((one) => one.path === path).map(({ body }) => JSON.parse(body));
  await until(async () => at("/pager").length > 0 && at("/desk").length > 0 && at("/alive").length > 1);
  expect(at("/pager")[0]).toMatchObject({
    routing_key: "key-1",
    event_action: "trigger",
    payload: { severity: "critical" },
  });

  // Another system's alert about the same replica becomes evidence, placed by its label.
  const headers = { "content-type": "application/json" };
  const labels = { alertname: "GpuXid", instance: "vllm-0", severity: "critical" };
  const pushed = await fetch(`${service.apiUrl}/api/v2/alerts`, {
    method: "POST",
    headers,
    body: JSON.stringify([{ labels }]),
  });
  expect(pushed.status).toBe(200);
  const known = await until(async () => {
    const page = (await (await fetch(`${service.apiUrl}/api/v1/alerts`)).json()) as {
      data: { rule: string; entity?: string }[];
    };
    return page.data.find(({ rule }) => rule === "GpuXid");
  });
  expect(known.entity).toBe("replica:vllm-0");

  const silence = { matchers: [{ name: "alertname", op: "=", value: "BudgetBurn" }], duration: "1h", comment: "known" };
  const made = await fetch(`${service.apiUrl}/api/v1/silences`, {
    method: "POST",
    headers,
    body: JSON.stringify(silence),
  });
  expect(made.status).toBe(201);
  const { data } = (await made.json()) as { data: { id: string } };
  service.queue(0);
  await until(async () => {
    const page = (await (await fetch(`${service.apiUrl}/api/v1/alerts`)).json()) as {
      data: { rule: string; state: string }[];
    };
    return page.data.some(({ rule, state }) => rule === "BudgetBurn" && state === "inactive");
  });
  // Quiet: neither its end nor, while it lasts, another beginning.
  expect(
    at("/pager")
      .filter(({ event_action }) => event_action === "trigger")
      .map(({ dedup_key }) => dedup_key),
  ).toHaveLength(1);
  const changes = (await (await fetch(`${service.apiUrl}/api/v1/changes`)).json()) as {
    data: { summary: string; by: string }[];
  };
  expect(changes.data[0]).toMatchObject({ by: "local", summary: expect.stringContaining("silence made: {alertname") });
  expect((await fetch(`${service.apiUrl}/api/v1/silences/${data.id}`, { method: "DELETE" })).status).toBe(200);
  expect(at("/pager").some(({ payload }) => payload?.summary.includes("HomeostatIncident"))).toBe(false);
});
