// What holds for keys that are no prompts or completions, where no rule of the operator speaks: credentials go, texts that
// quote requests are masked, people are hashed if there is a salt.
import { asLabel } from "./carriers.ts";

/** `drop` leaves only the length, `mask` replaces what looks personal or secret, `hash` leaves a short keyed digest. */
export type PrivacyAction = "keep" | "drop" | "mask" | "hash";

/** Rules on this key speak of the messages of span statuses, which have no attribute key of their own. */
export const statusMessageKey = "span.status_message";

/** Rules on this key speak of what users write beside a rating. */
export const feedbackTextKey = "homeostat.feedback.text";

/** `person` = hashed if there is a salt, else masked: a masked opaque id is still one, an address is not. */
type Default = PrivacyAction | "person";

const byKey: readonly (readonly [key: string, action: Default])[] = [
  [statusMessageKey, "mask"],
  [feedbackTextKey, "mask"],
  ["otel.status_description", "mask"],
  ["exception.message", "mask"],
  ["exception.stacktrace", "mask"],
  ["error.message", "mask"],
  ["error.stack", "mask"],
  ["log.record.original", "mask"],
  // Literals stand in statements; parameters are nothing but.
  ["db.query.text", "mask"],
  ["db.statement", "mask"],
  ["url.full", "mask"],
  ["url.original", "mask"],
  ["url.query", "mask"],
  ["url.path", "mask"],
  ["http.url", "mask"],
  ["http.target", "mask"],
  ["process.command_line", "mask"],
  ["process.command_args", "mask"],
  ["client.address", "mask"],
  ["http.client_ip", "mask"],
  ["user.email", "drop"],
  ["user.full_name", "drop"],
  ["user.id", "person"],
  ["user.name", "person"],
  ["enduser.id", "person"],
  ["enduser.pseudo.id", "person"],
  ["langfuse.user.id", "person"],
  ["http.request.body", "drop"],
  ["http.response.body", "drop"],
  ["http.request.body.content", "drop"],
  ["http.response.body.content", "drop"],
  ["messaging.message.body", "drop"],
];
const defaults = new Map(byKey.flatMap(([key, action]) => [[key, action] as const, [asLabel(key), action] as const]));

const prefixes: readonly (readonly [string, Default])[] = [
  ["db.query.parameter.", "drop"],
  ["db.operation.parameter.", "drop"],
];

const headerPrefixes = [
  "http.request.header.",
  "http.response.header.",
  "http.request.headers.",
  "http.response.headers.",
  "rpc.grpc.request.metadata.",
  "rpc.grpc.response.metadata.",
  "rpc.request.metadata.",
  "rpc.response.metadata.",
];
/** Headers that are credentials, with `-` for `_`. Others are masked: `referer` and `x-forwarded-for` tell of people. */
const credentialHeaders: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "api-key",
  "apikey",
  "x-goog-api-key",
  "x-amz-security-token",
  "x-auth-token",
  "x-access-token",
  "x-csrf-token",
  "x-vault-token",
  "private-token",
]);

/** What to do with the attribute where no rule speaks of it. */
export function defaultAction(key: string, hasSalt: boolean): PrivacyAction {
  const found = defaults.get(key) ?? prefixes.find(([prefix]) => key.startsWith(prefix))?.[1] ?? headerAction(key);
  if (found !== "person") return found;
  return hasSalt ? "hash" : "mask";
}

function headerAction(key: string): PrivacyAction {
  const prefix = headerPrefixes.find((each) => key.startsWith(each) || key.startsWith(asLabel(each)));
  if (prefix === undefined) return "keep";
  const header = key.slice(prefix.length).toLowerCase().replaceAll("_", "-");
  return credentialHeaders.has(header) ? "drop" : "mask";
}
