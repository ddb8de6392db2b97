// Kernel log lines that tell of broken hardware or of a process killed: NVIDIA Xid and SXid, NVLink, OOM killer, MCE, EDAC.

import { busAddress } from "../../model/gpu-address.ts";

export type KernelEvent =
  | {
      readonly kind: "xid";
      /** Undefined where the driver says that the GPU fell off the bus without a number. */
      readonly code?: number;
      readonly pci: string;
      readonly pid?: number;
      readonly process?: string;
      readonly detail: string;
    }
  | {
      readonly kind: "sxid";
      readonly code: number;
      readonly pci: string;
      readonly fatal: boolean;
      readonly link?: number;
    }
  | { readonly kind: "nvlink"; readonly pci?: string; readonly link?: number; readonly detail: string }
  | {
      readonly kind: "oom-kill";
      readonly pid: number;
      readonly process: string;
      /** Whether the limit of a control group was hit, rather than the host's memory. */
      readonly cgroup: boolean;
      readonly anonRssBytes?: number;
    }
  | { readonly kind: "machine-check"; readonly cpu?: number; readonly bank?: number; readonly corrected: boolean }
  | { readonly kind: "edac"; readonly controller: string; readonly count: number; readonly corrected: boolean };

const MAX_DETAIL = 200;

/** What a line of the kernel log tells; undefined for all others. Cheap for those: one look for a word each. */
export function parseKernelLine(text: string): KernelEvent | undefined {
  if (text.length > 4096) return undefined;
  if (text.includes("Xid (")) return xid(text) ?? sxid(text);
  if (text.includes("NVRM:") && text.includes("fallen off the bus")) return lost(text);
  if (/nvlink/i.test(text)) return nvlink(text);
  if (text.includes("Killed process")) return oomKill(text);
  if (text.includes("[Hardware Error]") || text.includes("Machine Check") || text.includes("mce:"))
    return machineCheck(text);
  return text.includes("EDAC") ? edac(text) : undefined;
}

function xid(text: string): KernelEvent | undefined {
  const found = /NVRM: Xid \(PCI:([0-9a-fA-F:.]+)\): (\d+)(?:, pid='?([^,']*)'?)?(?:, name=([^,]*))?,? ?(.*)/.exec(
    text,
  );
  if (found === null) return undefined;
  const pid = Number.parseInt(found[3] ?? "", 10);
  return {
    kind: "xid",
    code: Number(found[2]),
    pci: pciOf(found[1]!),
    ...(Number.isNaN(pid) ? {} : { pid }),
    ...(found[4] === undefined || found[4] === "" ? {} : { process: found[4] }),
    detail: found[5]!.slice(0, MAX_DETAIL),
  };
}

function sxid(text: string): KernelEvent | undefined {
  const found = /SXid \(PCI:([0-9a-fA-F:.]+)\): (\d+), (.*)/.exec(text);
  if (found === null) return undefined;
  const link = /\bLink (\d+)/.exec(found[3]!)?.[1];
  return {
    kind: "sxid",
    code: Number(found[2]),
    pci: pciOf(found[1]!),
    fatal: /^fatal\b/i.test(found[3]!),
    ...(link === undefined ? {} : { link: Number(link) }),
  };
}

function lost(text: string): KernelEvent {
  const pci = /GPU (?:at )?(?:PCI:)?([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.\d)?)/.exec(text)?.[1] ?? "";
  return { kind: "xid", pci: pciOf(pci), detail: "GPU has fallen off the bus." };
}

function nvlink(text: string): KernelEvent | undefined {
  if (!/error|fail|fault|fatal|down|inactive|degrad/i.test(text)) return undefined;
  const link = /\blink[ :#]*(\d+)/i.exec(text)?.[1];
  const pci = /([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.\d)?)/.exec(text)?.[1];
  return {
    kind: "nvlink",
    ...(pci === undefined ? {} : { pci: pciOf(pci) }),
    ...(link === undefined ? {} : { link: Number(link) }),
    detail: text.slice(Math.max(0, text.search(/nvlink/i)), MAX_DETAIL + Math.max(0, text.search(/nvlink/i))),
  };
}

function oomKill(text: string): KernelEvent | undefined {
  const found = /Killed process (\d+)(?: \(([^)]*)\)|, UID \d+, \(([^)]*)\))/.exec(text);
  if (found === null) return undefined;
  const rss = /anon-rss:(\d+)kB/.exec(text)?.[1];
  return {
    kind: "oom-kill",
    pid: Number(found[1]),
    process: found[2] ?? found[3] ?? "",
    cgroup: /memory cgroup out of memory/i.test(text),
    ...(rss === undefined ? {} : { anonRssBytes: Number(rss) * 1024 }),
  };
}

function machineCheck(text: string): KernelEvent | undefined {
  const cpu = /CPU[ :]*(\d+)/i.exec(text)?.[1];
  const bank = /\bBank[ :]*(\d+)/i.exec(text)?.[1];
  if (cpu === undefined && bank === undefined) return undefined;
  return {
    kind: "machine-check",
    ...(cpu === undefined ? {} : { cpu: Number(cpu) }),
    ...(bank === undefined ? {} : { bank: Number(bank) }),
    corrected: /\bcorrected\b/i.test(text) || /\bCE\b/.test(text),
  };
}

function edac(text: string): KernelEvent | undefined {
  const found = /EDAC (MC\d+)[^:]*: (\d+) (CE|UE)\b/.exec(text);
  if (found === null) return undefined;
  return { kind: "edac", controller: found[1]!, count: Number(found[2]), corrected: found[3] === "CE" };
}

/** As exporters and drivers can be joined by; empty for what is no address. */
function pciOf(text: string): string {
  return busAddress(text) ?? "";
}
