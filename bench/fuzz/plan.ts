// What a message may hold, read once from its protobufjs type, so that making bodies costs no reflection.
import type { Type } from "protobufjs";

export interface PlanField {
  readonly name: string;
  readonly number: number;
  /** Scalar type as in the schema; `message` where `message` is set. */
  readonly type: string;
  readonly wireType: number;
  readonly repeated: boolean;
  /** Members of the same oneof share it. */
  readonly oneof: string | undefined;
  readonly message: Plan | undefined;
}

export interface Plan {
  readonly name: string;
  readonly fields: readonly PlanField[];
}

const wireTypes: Readonly<Record<string, number>> = {
  double: 1,
  fixed64: 1,
  sfixed64: 1,
  fixed32: 5,
  string: 2,
  bytes: 2,
};

/** Plans refer to themselves where messages do. */
export function planOf(type: Type, known = new Map<Type, Plan>()): Plan {
  const before = known.get(type);
  if (before !== undefined) return before;
  const fields: PlanField[] = [];
  const plan: Plan = { name: type.name, fields };
  known.set(type, plan);
  for (const field of type.fieldsArray) {
    const { resolvedType } = field.resolve();
    const message = resolvedType !== null && "fieldsArray" in resolvedType ? planOf(resolvedType, known) : undefined;
    // An optional field lies in a oneof of its own, which is none.
    const oneof = (field.partOf?.fieldsArray.length ?? 0) > 1 ? field.partOf?.name : undefined;
    fields.push({
      name: field.name,
      number: field.id,
      type: message === undefined ? field.type : "message",
      wireType: message === undefined ? (wireTypes[field.type] ?? 0) : 2,
      repeated: field.repeated,
      oneof,
      message,
    });
  }
  return plan;
}

/** Whether elements of a repeated field of this type may share one length-delimited field. */
export function packs(field: PlanField): boolean {
  return field.repeated && field.wireType !== 2;
}
