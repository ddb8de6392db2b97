// Whom probes ask: one engine each, by the address the operator gave.
import { type EntityId, entityId } from "../model/entity.ts";
import { nameWithin } from "../model/tenant.ts";

export interface ProbeTarget {
  /** Beginning of its routes, without `/v1`. Nothing else is ever contacted. */
  readonly url: string;
  /** Name of the replica as its telemetry has it (`service.instance.id`); unset = `host:port`, as a scraped page is named. */
  readonly instance?: string | undefined;
  /** Its `service.name` or deployment, for as long as telemetry has not said. */
  readonly service?: string | undefined;
  /** Unset = the first that `/v1/models` names. */
  readonly model?: string | undefined;
  /** Canaries are compared with controls of the same service. */
  readonly pool?: "canary" | "control" | undefined;
  /** Whose telemetry it is in, where there is more than one tenant. */
  readonly tenant?: string | undefined;
  /** More fields of every request, such as `chat_template_kwargs` that keeps a reasoning model from thinking first. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  /** Value of the Authorization header. */
  readonly authorization?: string | undefined;
  /** Another key's, for probes that look for one tenant's text in another's answers. Unset = the same one. */
  readonly otherAuthorization?: string | undefined;
}

export function targetEntity(target: ProbeTarget): EntityId {
  return entityId("replica", nameWithin(target.tenant, instanceOf(target)));
}

export function instanceOf({ instance, url }: ProbeTarget): string {
  return instance ?? hostOf(url);
}

/** `host:port`, the port always said. */
function hostOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`;
}
