// What changed in a stretch of time, from what people and pipelines tell and from what telemetry itself says of its senders.
import type { ChangeKind } from "./change.ts";
import type { EntityId } from "./entity.ts";
import type { Instant, TimeRange } from "./time.ts";

export const aspects = ["image", "flags", "model", "lora", "prompt", "driver", "config"] as const;
export type Aspect = (typeof aspects)[number];

/** Attributes of series and of their resources by which telemetry tells of an aspect. */
export const factNames: Readonly<Record<Exclude<Aspect, "prompt" | "config">, readonly string[]>> = {
  image: [
    "service.version",
    "container.image.name",
    "container.image.tag",
    "container.image.id",
    "image",
    "image_id",
    "deployment.id",
  ],
  flags: ["process.command_line", "process.command_args"],
  model: [
    "model_name",
    "gen_ai.request.model",
    "model.digest",
    "model.revision",
    "model_revision",
    "served_model_name",
  ],
  lora: ["lora_name", "lora.digest", "lora_digest", "lora_path", "max_lora"],
  driver: ["DCGM_FI_DRIVER_VERSION", "hw.driver_version", "driver_version", "cuda_version", "kernel_version"],
};

/** A fact as it was said of something, and from when to when. */
export interface StoredFact {
  readonly entity: EntityId;
  readonly aspect: Aspect;
  /** The attribute. */
  readonly name: string;
  readonly value: string;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
}

export interface KnownChange {
  readonly at: Instant;
  /** When the last of several followed: a rollout. */
  readonly until: Instant;
  readonly aspect: Aspect | "other";
  readonly entities: readonly EntityId[];
  readonly says: string;
  /** Found in telemetry, or told as a change event. */
  readonly source: "telemetry" | "event";
  /** Of an event. */
  readonly event?: string;
  readonly kind?: ChangeKind;
  readonly by?: string;
}

export interface AspectState {
  readonly aspect: Aspect;
  /** Unknown: nothing that would tell of it has been heard of late. */
  readonly state: "changed" | "unchanged" | "unknown";
  readonly says: string;
  /** Who would tell, and when it last did (of telemetry: last said the fact), up to a day after the stretch. */
  readonly heard: readonly { readonly source: "telemetry" | "event"; readonly at: Instant }[];
}

export interface WhatChanged {
  readonly range: TimeRange;
  readonly entity?: EntityId;
  /** One sentence; "nothing changed" only where all that would tell was heard. */
  readonly says: string;
  /** Oldest first. */
  readonly changes: readonly KnownChange[];
  readonly aspects: readonly AspectState[];
}
