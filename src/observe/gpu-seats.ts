// Series that name a GPU by its bus address, and those that say whose address it is: once it is known, the former are placed anew.
import type { RawSeries } from "../model/ports/telemetry-reader.ts";
import { gpuSeatOf } from "./entities.ts";
import { type GpuNames, keyOf } from "./gpu-names.ts";

export interface GpuSeats {
  /** Of a series about a GPU. Gives the hashes of those that stand under a bus address which means another GPU from now on. */
  note(series: RawSeries): readonly string[];
  /** The series is there no more. */
  forget(hash: string): void;
}

export function createGpuSeats(gpus: GpuNames): GpuSeats {
  /** Hashes of series that name a GPU by its address, by every node they may mean. */
  const byAddress = new Map<string, Set<string>>();
  const addressesOf = new Map<string, readonly string[]>();

  return {
    note(series) {
      const seat = gpuSeatOf(series);
      if (seat === undefined) return [];
      const { unique, pci, nodes, host } = seat;
      const key = (node: string): string => keyOf({ tenant: series.tenant, node, pci });
      if (unique !== undefined) {
        const learned = nodes.filter((node) => gpus.learn({ tenant: series.tenant, node, pci }, unique, host));
        return [...new Set(learned.flatMap((node) => [...(byAddress.get(key(node)) ?? [])]))];
      }
      addressesOf.set(series.hash, nodes.map(key));
      for (const node of nodes) byAddress.set(key(node), (byAddress.get(key(node)) ?? new Set()).add(series.hash));
      return [];
    },
    forget(hash) {
      for (const address of addressesOf.get(hash) ?? []) {
        const hashes = byAddress.get(address);
        hashes?.delete(hash);
        if (hashes?.size === 0) byAddress.delete(address);
      }
      addressesOf.delete(hash);
    },
  };
}
