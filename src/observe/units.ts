// Units of raw series against those of signals: what can be converted, and what cannot be the same thing at all.

/** `convert`: by this factor. `unknown`: nothing is said, go by the mapping. `incompatible`: seconds are no bytes. */
export type UnitVerdict =
  | { readonly kind: "convert"; readonly factor: number }
  | { readonly kind: "unknown" }
  | { readonly kind: "incompatible" };

const unknown: UnitVerdict = { kind: "unknown" };

/** Dimension and factor to its base unit: UCUM as OpenTelemetry writes it, and the words OpenMetrics uses. */
const units: Readonly<Record<string, readonly [dimension: string, factor: number]>> = {
  s: ["time", 1],
  seconds: ["time", 1],
  ms: ["time", 1e-3],
  milliseconds: ["time", 1e-3],
  us: ["time", 1e-6],
  µs: ["time", 1e-6],
  microseconds: ["time", 1e-6],
  ns: ["time", 1e-9],
  nanoseconds: ["time", 1e-9],
  min: ["time", 60],
  h: ["time", 3600],
  By: ["bytes", 1],
  bytes: ["bytes", 1],
  kBy: ["bytes", 1e3],
  MBy: ["bytes", 1e6],
  GBy: ["bytes", 1e9],
  KiBy: ["bytes", 1024],
  MiBy: ["bytes", 1024 ** 2],
  GiBy: ["bytes", 1024 ** 3],
  "%": ["share", 0.01],
  percent: ["share", 0.01],
  ratio: ["share", 1],
  W: ["power", 1],
  watts: ["power", 1],
  mW: ["power", 1e-3],
  kW: ["power", 1e3],
  J: ["energy", 1],
  joules: ["energy", 1],
  mJ: ["energy", 1e-3],
  kJ: ["energy", 1e3],
  Cel: ["temperature", 1],
  celsius: ["temperature", 1],
  Hz: ["frequency", 1],
  MHz: ["frequency", 1e6],
  GHz: ["frequency", 1e9],
};

/** From the unit a series declares to the one its signal has; `rate` when it is read as an increase a second. */
export function unitVerdict(declared: string, signalUnit: string, rate: boolean): UnitVerdict {
  const from = units[declared];
  const to = units[targetUnit(signalUnit, rate)];
  // Annotations such as {request} say what is counted, not how; a bare 1 is what many exporters put for want of a unit.
  if (from === undefined || to === undefined) return unknown;
  if (from[0] !== to[0]) return { kind: "incompatible" };
  return { kind: "convert", factor: from[1] / to[1] };
}

/** Unit of what is counted behind a signal: bytes behind bytes a second, joules behind watts, a share for a bare number. */
function targetUnit(signalUnit: string, rate: boolean): string {
  if (signalUnit === "1") return "ratio";
  if (!rate) return signalUnit;
  return signalUnit === "W" ? "J" : signalUnit.replace(/\/s$/, "");
}
