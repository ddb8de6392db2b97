// GPUs by where they sit: exporters say a GPU's UUID and bus address, so that the driver's lines, which know the address only, mean the same GPU.
import { type EntityId, entityId } from "../model/entity.ts";
import type { BusPlace, GpuDirectory } from "../model/ports/gpu-directory.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { nameWithin } from "../model/tenant.ts";

export interface GpuNames extends GpuDirectory {
  /** The name of the GPU at that address; undefined where no telemetry has said so, or where two machines go by the node's name. */
  nameAt(place: BusPlace): string | undefined;
  /** `host` is what the series itself says of its node, rather than what gathered it; empty if nothing. Whether `nameAt` changed. */
  learn(place: BusPlace, name: string, host: string): boolean;
  /** For after a restart: no exporter tells of a GPU that fell off its bus. */
  snapshot(): Uint8Array;
}

interface Seat {
  readonly name: string;
  readonly host: string;
  readonly shared?: boolean;
}

const seatsMax = 50_000;

/**
 * A GPU that takes another's place has its address from its first series on, and an exporter may be restarted under another
 * name: only both at once, as where one collector gathers for several machines under its own node's name, makes an address
 * useless. Blind to exporters and logs that name one machine differently (`n7` and `n7.example.com`): the two stay two.
 */
export function createGpuNames(telemetry: Telemetry, snapshot?: Uint8Array): GpuNames {
  const seats = new Map<string, Seat>(snapshot === undefined ? [] : restored(snapshot, telemetry));

  return {
    nameAt,
    gpuAt(place): EntityId | undefined {
      const name = nameAt(place);
      return name === undefined ? undefined : entityId("gpu", nameWithin(place.tenant, name));
    },
    learn(place, name, host) {
      const key = keyOf(place);
      const before = seats.get(key);
      const after = seatedBy(before, name, host);
      if (after === before) return false;
      // The longest unchanged are the first to go.
      seats.delete(key);
      seats.set(key, after);
      if (seats.size > seatsMax) {
        const oldest = seats.keys().next();
        if (!oldest.done) seats.delete(oldest.value);
        telemetry.count("homeostat.observe.dropped", 1, { reason: "gpu-addresses" });
      }
      return nameOf(after) !== nameOf(before);
    },
    snapshot() {
      const all = [...seats].map(([key, { name, host, shared = false }]) => [key, name, host, shared]);
      return new TextEncoder().encode(JSON.stringify({ gpuNames: 1, seats: all }));
    },
  };

  function nameAt(place: BusPlace): string | undefined {
    return nameOf(seats.get(keyOf(place)));
  }
}

function seatedBy(known: Seat | undefined, name: string, host: string): Seat {
  if (known === undefined) return { name, host };
  // What gathers telemetry knows less of a machine than what runs on it.
  if ((known.host !== "" && host === "") || (known.name === name && known.host === host)) return known;
  const otherMachine = known.host !== "" && known.name !== name && known.host !== host;
  return known.shared === true || otherMachine ? { name, host, shared: true } : { name, host };
}

function nameOf(seat: Seat | undefined): string | undefined {
  return seat?.shared === true ? undefined : seat?.name;
}

/** The same for all that speak of the place. */
export function keyOf({ tenant, node, pci }: BusPlace): string {
  return `${nameWithin(tenant, node)} ${pci}`;
}

function restored(snapshot: Uint8Array, telemetry: Telemetry): readonly (readonly [string, Seat])[] {
  try {
    const { gpuNames, seats } = JSON.parse(new TextDecoder().decode(snapshot)) as Record<string, unknown>;
    if (gpuNames !== 1 || !Array.isArray(seats)) throw new Error("another format");
    return seats.slice(-seatsMax).flatMap((seat: unknown): readonly (readonly [string, Seat])[] => {
      if (!Array.isArray(seat)) return [];
      const [key, name, host, shared] = seat as readonly unknown[];
      if (typeof key !== "string" || typeof name !== "string" || typeof host !== "string") return [];
      return [[key, shared === true ? { name, host, shared } : { name, host }]];
    });
  } catch (error) {
    telemetry.count("homeostat.observe.dropped", 1, { reason: "gpu-names-unreadable" });
    telemetry.log.warn("where GPUs sit cannot be read from the saved state: it is learned anew", {
      error: String(error),
    });
    return [];
  }
}
