// Shapes of what changed.
import { z } from "zod";
import { type AspectState, aspects, type KnownChange, type WhatChanged } from "../model/what-changed.ts";
import { instant, shapeOf } from "./shapes.ts";

export const changeKind = z.enum(["deploy", "config", "scale", "restart", "model", "other"]);
const source = z.enum(["telemetry", "event"]);

const knownChange = shapeOf<KnownChange>()({
  at: instant,
  until: instant.describe("When the last of several followed: a rollout."),
  aspect: z.enum([...aspects, "other"]),
  entities: z.array(z.string()),
  says: z.string(),
  source,
  event: z.string().optional().describe("Id of the change event."),
  kind: changeKind.optional(),
  by: z.string().optional(),
});

const aspectState = shapeOf<AspectState>()({
  aspect: z.enum(aspects),
  state: z.enum(["changed", "unchanged", "unknown"]),
  says: z.string(),
  heard: z
    .array(z.object({ source, at: instant }))
    .describe("Who would tell, and when it last did, up to a day after the stretch; empty = never."),
});

export const whatChanged = shapeOf<WhatChanged>()({
  range: z.object({ from: instant, to: instant }),
  entity: z.string().optional(),
  says: z.string().describe("`nothing changed` only where all that would tell was heard."),
  changes: z.array(knownChange).describe("Oldest first."),
  aspects: z.array(aspectState),
});
