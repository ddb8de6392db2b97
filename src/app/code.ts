// Code evidence as the configuration has it: local clones, reports of static analysis, and whose code is whose.
import { resolve } from "node:path";
import { type Code, createCode } from "../code/code.ts";
import { openReports, type Reports } from "../code/reports.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import type { StackSource } from "../model/ports/stack-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { createMask } from "../receive/privacy/redact-text.ts";
import type { Config } from "./config-schema.ts";
import type { State } from "./state.ts";

export interface OpenCode {
  readonly history: Code;
  readonly reports: Reports;
}

const stateName = "sarif";
const parentsMax = 8;

export async function openCode(
  { code }: Config,
  deps: {
    readonly stacks: StackSource;
    readonly entities: () => readonly Entity[];
    readonly state: State;
    readonly telemetry: Telemetry;
  },
): Promise<OpenCode> {
  const { stacks, entities, state, telemetry } = deps;
  const keep = { load: () => state.load(stateName), save: (bytes: Uint8Array) => state.save(stateName, bytes) };
  const reports = await openReports(
    code.sarif.map((path) => resolve(path)),
    keep,
    telemetry,
  );
  const repositories = code.repositories.map(({ service, path, tags, roots }) => ({
    services: service,
    path: resolve(path),
    tags,
    roots,
  }));
  const mask = createMask();
  const namesOf = (entity: EntityId): readonly string[] => namesAbove(entity, entities());
  return {
    history: createCode({ git: code.git, repositories }, { stacks, reports, namesOf, mask, telemetry }),
    reports,
  };
}

/** An entity's name, with and without its namespace, and those of what it belongs to. */
function namesAbove(entity: EntityId, entities: readonly Entity[]): readonly string[] {
  const names: string[] = [];
  let id: EntityId | undefined = entity;
  for (let up = 0; id !== undefined && up < parentsMax; up++) {
    const name = id.slice(id.indexOf(":") + 1);
    names.push(name, name.slice(name.lastIndexOf("/") + 1));
    const here: EntityId = id;
    id = entities.find((one) => one.id === here)?.parent;
  }
  return names;
}
