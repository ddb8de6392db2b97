// CloudEvents 1.0 in structured JSON: one event a notification, and one for what was learned about it.
import { stableId } from "../../../model/ids.ts";
import { webhookPayload } from "./alertmanager.ts";
import { type Format, type Json, time } from "./format.ts";

export function cloudEvents(source: string): Format {
  const event = (type: string, subject: string, id: string, at: number | undefined, data: Json): Json => ({
    specversion: "1.0",
    id,
    source,
    type: `io.homeostat.${type}`,
    subject,
    ...(at === undefined ? {} : { time: time(at) }),
    datacontenttype: "application/json",
    data,
  });
  return {
    bytesMax: 200_000,
    render(message) {
      const { notification, thread } = message;
      const { status, at } = notification;
      return event(`alert.${status}`, thread, stableId(thread, status, at), at, webhookPayload(message));
    },
    update({ kind, text, url }, { thread, title }) {
      return event(`alert.${kind}`, thread, stableId(thread, kind, text), undefined, { title, text, url });
    },
  };
}
