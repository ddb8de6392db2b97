// What a kind of fault is: its parameters, what it does when it begins, as it ramps, while it holds and when it ends.
import { z } from "zod";
import { knownObject } from "../known-object.ts";
import type { Target, TargetKind } from "../targets.ts";
import type { World } from "../world.ts";

/** Where a fault strikes, and in what. */
export interface Scene {
  readonly world: World;
  /** As the scenario writes it. */
  readonly target: string;
  readonly at: Target;
}

export interface Effect {
  begin(nowMs: number): void;
  /** How far in it is: 0 = not at all, 1 = in full. Not called for a kind that does not ramp. */
  set(level: number, nowMs: number): void;
  end(nowMs: number): void;
  /** Virtual milliseconds between calls of `run` while it holds; 0 = never. */
  readonly everyMs: number;
  run(nowMs: number): void;
}

export interface FaultKind {
  readonly kind: string;
  /** What happens, in a sentence. */
  readonly says: string;
  /** What it can be aimed at; the first is what it strikes when nothing is said. */
  readonly targets: readonly TargetKind[];
  readonly params: z.ZodType<Readonly<Record<string, unknown>>>;
  /** Throws a RangeError when it makes no sense in this world. */
  create(scene: Scene, params: Readonly<Record<string, unknown>>): Effect;
}

export interface FaultSpec<S extends z.ZodRawShape> {
  readonly kind: string;
  readonly says: string;
  readonly targets: readonly TargetKind[];
  /** With defaults for all that has a sensible one. */
  readonly params: S;
  /** Throws a RangeError when it makes no sense in this world. */
  check?(scene: Scene, params: z.output<z.ZodObject<S>>): void;
  /** Once, at its time. */
  begin?(scene: Scene, params: z.output<z.ZodObject<S>>, nowMs: number): void;
  /** With 1 when it begins (or rising to it along the ramp) and with 0 when it ends. */
  set?(scene: Scene, params: z.output<z.ZodObject<S>>, level: number, nowMs: number): void;
  /** Again and again while it holds. */
  run?(scene: Scene, params: z.output<z.ZodObject<S>>, nowMs: number): void;
  readonly everyMs?: number;
  /** Once, when its hold is over. */
  end?(scene: Scene, params: z.output<z.ZodObject<S>>, nowMs: number): void;
}

/** A kind of fault, made from its entry. */
export function defineFault<S extends z.ZodRawShape>(spec: FaultSpec<S>): FaultKind {
  const schema = knownObject(spec.params, `a parameter of ${spec.kind}`);
  return {
    kind: spec.kind,
    says: spec.says,
    targets: spec.targets,
    params: schema as unknown as FaultKind["params"],
    create(scene, raw) {
      const checked = schema.safeParse(raw);
      if (!checked.success) throw new RangeError(`fault ${spec.kind}: ${z.prettifyError(checked.error)}`);
      const params = checked.data as z.output<z.ZodObject<S>>;
      spec.check?.(scene, params);
      return {
        begin: (nowMs) => spec.begin?.(scene, params, nowMs),
        set: (level, nowMs) => spec.set?.(scene, params, level, nowMs),
        end: (nowMs) => spec.end?.(scene, params, nowMs),
        everyMs: spec.run === undefined ? 0 : (spec.everyMs ?? 1000),
        run: (nowMs) => spec.run?.(scene, params, nowMs),
      };
    },
  };
}
