// Slack: blocks for people, by incoming webhook or by chat.postMessage, which can answer in a thread.
import { CLASS_LABEL, ORIGIN_LABEL } from "../alert.ts";
import { labelLine, slackText } from "../text.ts";
import { entityOf, type Format, type Json, type Message, saysOf, titleOf } from "./format.ts";

/** Slack refuses sections over 3000 characters and messages over 50 blocks. */
const alertsMax = 20;
const shown = { title: 280, says: 500, labels: 900, update: 2800 };

export function slack(channel: string | undefined): Format {
  const to = channel === undefined ? {} : { channel };
  const quiet = { unfurl_links: false, unfurl_media: false };
  return {
    bytesMax: 60_000,
    render(message) {
      const title = slackText(titleOf(message), shown.title);
      const { status, before } = message.notification;
      // A thread's answers reach only who follows it: new trouble in an open group is shown in the channel too.
      const aloud =
        channel !== undefined && before !== undefined && status === "firing" ? { reply_broadcast: true } : {};
      const mark = status === "firing" ? ":red_circle:" : ":large_green_circle:";
      return {
        ...to,
        ...quiet,
        ...aloud,
        text: title,
        blocks: [section(`${mark} *${title}*`), ...alertBlocks(message)],
      };
    },
    update(update, open) {
      const about = channel === undefined ? `*${slackText(open.title, shown.title)}*\n` : "";
      const head = update.kind === "diagnosed" ? ":mag: *Diagnosis*" : ":hammer_and_wrench: *Repair under way*";
      const text = slackText(update.text, shown.update - about.length);
      return { ...to, ...quiet, text, blocks: [section(`${about}${head}\n${text}\n<${update.url}|Details>`)] };
    },
  };
}

/** What chat.postMessage's answer says: the message's own time stamp, by which it is answered; or why it was refused. */
export function readSlackAnswer(answer: string): { readonly ts?: string; readonly error?: string } {
  try {
    const { ok, ts, error } = JSON.parse(answer) as { ok?: unknown; ts?: unknown; error?: unknown };
    if (ok === true) return typeof ts === "string" && /^\d{1,12}\.\d{1,12}$/.test(ts) ? { ts } : {};
    return { error: typeof error === "string" ? error.replace(/\W/g, "?").slice(0, 64) : "no reason given" };
  } catch {
    return { error: "the answer is not JSON" };
  }
}

function alertBlocks({ alerts, truncated }: Message): readonly Json[] {
  const listed = alerts.slice(0, alertsMax).map((alert) => {
    const where = entityOf(alert.labels);
    const labels = labelLine(alert.labels, ["alertname", ORIGIN_LABEL, CLASS_LABEL]);
    const over = alert.endsAt === undefined ? "" : "_over:_ ";
    const says = `${over}${slackText(saysOf(alert), shown.says)}${where === undefined ? "" : ` on ${slackText(where, 200)}`}`;
    return section(`${says}\n${slackText(labels, shown.labels)}\n<${alert.url}|Details>`);
  });
  const more = truncated + Math.max(0, alerts.length - alertsMax);
  return more === 0 ? listed : [...listed, section(`… and ${more} more`)];
}

function section(text: string): Json {
  return { type: "section", text: { type: "mrkdwn", text, verbatim: true } };
}
