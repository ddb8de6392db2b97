// MLflow: webhooks of its model registry, and those of Databricks's, which know stages.
// Source: mlflow.org, "Webhooks"; docs.databricks.com, "Workspace Model Registry webhooks".
import { z } from "zod";
import { parsed, text } from "./read.ts";
import { ignored, type Reading, type Sender, timeOf } from "./sender.ts";
import { header, signedBody, signedWithTime } from "./signatures.ts";

const version = z.union([text, z.int().transform(String)]);
const Event = z.object({
  entity: text,
  action: text,
  timestamp: z.string().nullish(),
  data: z.record(z.string(), z.unknown()),
});
const Created = z.object({ name: text, version, run_id: z.string().nullish() });
const Alias = z.object({ name: text, alias: text, version: version.nullish() });
const Staged = z.object({
  event: text,
  event_timestamp: z.number().nullish(),
  model_name: text,
  version: version.nullish(),
  from_stage: z.string().nullish(),
  to_stage: z.string().nullish(),
});

export const mlflow: Sender = {
  name: "mlflow",
  says: "model registry webhooks: model versions, their aliases and stages",
  verify(delivery, secrets, nowMs, toleranceMs) {
    // Databricks signs the body alone, so its deliveries can be sent again; the same change stays one.
    const databricks = "x-databricks-signature";
    if (header(delivery.headers, databricks) !== undefined) return signedBody(delivery, databricks, "", secrets);
    const names = { id: "x-mlflow-delivery-id", timestamp: "x-mlflow-timestamp", signature: "x-mlflow-signature" };
    // The key is the secret's own bytes, whatever it begins with.
    return signedWithTime(delivery, names, secrets, (secret) => secret, nowMs, toleranceMs);
  },
  read(json) {
    if (typeof json === "object" && json !== null && "event" in json) return parsed(Staged, json, staged);
    return parsed(Event, json, registered);
  },
};

function registered({ entity, action, timestamp, data }: z.infer<typeof Event>): Reading {
  const what = `${entity}.${action}`;
  const inData = <T>(shape: z.ZodType<T>, read: (told: T) => Reading): Reading => {
    const reading = parsed(shape, data, read);
    return reading.kind === "wrong" ? { ...reading, place: `data.${reading.place}` } : reading;
  };
  if (what === "model_version.created")
    return inData(Created, (told) => ({
      kind: "change",
      change: {
        key: [what, told.name, told.version].join(" "),
        at: timeOf(timestamp),
        // It is only registered; what serves it changes with an alias or a stage.
        kind: "other",
        names: [told.name],
        summary: `model ${told.name} version ${told.version} was registered`,
        after: { model: told.name, registered: told.version, run: told.run_id ?? undefined },
        course: [],
      },
    }));
  if (what === "model_version_alias.created" || what === "model_version_alias.deleted")
    return inData(Alias, (told) => ({
      kind: "change",
      change: {
        key: [what, told.name, told.alias, told.version ?? "", timestamp ?? ""].join(" "),
        at: timeOf(timestamp),
        kind: "model",
        names: [told.name],
        summary:
          action === "created"
            ? `model ${told.name}: alias ${told.alias} is version ${told.version ?? "?"} now`
            : `model ${told.name}: alias ${told.alias} was taken away`,
        after: { model: told.name, alias: told.alias, model_version: told.version ?? "none" },
        course: ["model", "alias"],
      },
    }));
  return ignored("event");
}

function staged(told: z.infer<typeof Staged>): Reading {
  const at = told.event_timestamp ?? undefined;
  const name = told.model_name;
  const number = told.version ?? "?";
  if (told.event === "MODEL_VERSION_CREATED")
    return {
      kind: "change",
      change: {
        key: ["model_version.created", name, number].join(" "),
        at,
        kind: "other",
        names: [name],
        summary: `model ${name} version ${number} was registered`,
        after: { model: name, registered: number },
        course: [],
      },
    };
  if (!told.event.startsWith("MODEL_VERSION_TRANSITIONED_")) return ignored("event");
  const stage = told.to_stage || "another stage";
  return {
    kind: "change",
    change: {
      key: ["stage", name, number, told.from_stage ?? "", stage, at ?? ""].join(" "),
      at,
      kind: "model",
      names: [name],
      summary: `model ${name} version ${number} moved to ${stage}${told.from_stage ? ` from ${told.from_stage}` : ""}`,
      before: { stage: told.from_stage ?? undefined },
      after: { model: name, model_version: number, stage },
      course: ["model", "stage"],
    },
  };
}
