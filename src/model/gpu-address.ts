// Where on the PCI bus a GPU sits, however drivers, exporters and tools write it.

/**
 * `0000:3b:00` of `0000:3B:00.0` (lspci), `00000000:3B:00.0` (NVML, DCGM), `3b:00` (lspci where there is one domain) and
 * `PCI:0000:3b:00` (the driver's log): lower case, a domain of at least four digits, without the function. Undefined for
 * what is no such address. The domain counts: virtual machines of clouds have every GPU at bus 0 of a domain of its own.
 */
export function busAddress(text: string): string | undefined {
  const found = /^(?:PCI:)?(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?$/i.exec(text.trim());
  if (found === null) return undefined;
  const domain = (found[1] ?? "").replace(/^0+/, "").padStart(4, "0");
  return `${domain}:${found[2]}:${found[3]}`.toLowerCase();
}
