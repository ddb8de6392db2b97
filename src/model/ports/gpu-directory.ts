// Which GPU sits at a bus address of a node: drivers name it by the address, exporters by its UUID.
import type { EntityId } from "../entity.ts";

export interface BusPlace {
  readonly tenant?: string | undefined;
  readonly node: string;
  /** As `busAddress` writes it. */
  readonly pci: string;
}

export interface GpuDirectory {
  /** The GPU that telemetry has said sits there; undefined where none has. */
  gpuAt(place: BusPlace): EntityId | undefined;
}
