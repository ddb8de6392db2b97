// Numbers as Go's fmt writes them, since rule templates were written for it.

/** `%v`: shortest digits, with an exponent from 1e+06 up and from 1e-05 down. */
export function formatAny(value: number): string {
  return special(value) ?? general(value, undefined);
}

/** `%.<digits>g`. */
export function formatGeneral(value: number, digits: number): string {
  return special(value) ?? general(value, Math.max(1, digits));
}

/** `%.<digits>f`. */
export function formatFixed(value: number, digits: number): string {
  const known = special(value);
  if (known !== undefined) return known;
  return Math.abs(value) < 1e21
    ? (evenTie(Math.abs(value).toFixed(100), digits, value < 0) ?? value.toFixed(digits))
    : BigInt(value).toString() + (digits > 0 ? `.${"0".repeat(digits)}` : "");
}

/**
 * The digits up to `decimals` if what follows them is exactly a half and they end even: Go rounds such ties to even, where
 * JavaScript rounds them up. Undefined wherever both agree.
 */
function evenTie(exact: string, decimals: number, negative: boolean): string | undefined {
  const dot = exact.indexOf(".");
  const kept = exact.slice(0, decimals > 0 ? dot + 1 + decimals : dot);
  if (!/^50*$/.test(exact.slice(dot + 1 + decimals)) || !/[02468]$/.test(kept)) return undefined;
  return (negative ? "-" : "") + kept;
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : undefined;
}

function general(value: number, digits: number | undefined): string {
  const [mantissa = "0", power = "0"] = (digits === undefined ? value.toExponential() : rounded(value, digits)).split(
    "e",
  );
  const exponent = Number(power);
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  if (exponent < -4 || exponent >= (digits ?? 6)) {
    return `${short}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const decimals = Math.max(0, short.replace(/^-?\d\.?/, "").length - exponent);
  return formatFixed(value, Math.min(100, decimals));
}

const larger = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const smaller = ["", "m", "u", "n", "p", "f", "a", "z", "y"];

function rounded(value: number, digits: number): string {
  const [exact = "", power = ""] = Math.abs(value).toExponential(100).split("e");
  const tie = evenTie(exact, digits - 1, value < 0);
  return tie === undefined ? value.toExponential(digits - 1) : `${tie}e${power}`;
}

/** Four digits and a metric prefix: 1234567 is 1.235M. */
export function humanize(value: number): string {
  const { scaled, prefix } = scale(value);
  return formatGeneral(scaled, 4) + prefix;
}

/** Four digits and a binary prefix: 1536 is 1.5ki. */
export function humanize1024(value: number): string {
  const prefixes = ["", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
  let scaled = value;
  let step = 0;
  while (Number.isFinite(scaled) && Math.abs(scaled) >= 1024 && step < prefixes.length - 1) {
    scaled /= 1024;
    step++;
  }
  return formatGeneral(scaled, 4) + prefixes[step]!;
}

/** Of Unix seconds: `2026-11-24 00:00:00.25 +0000 UTC`. */
export function humanizeTimestamp(seconds: number): string {
  const ms = Math.round(seconds * 1000);
  if (!(Math.abs(ms) <= 8.64e15)) return formatGeneral(seconds, 4);
  const [day = "", time = ""] = new Date(ms).toISOString().split(/[TZ]/);
  return `${day} ${time.replace(/\.?0*$/, "")} +0000 UTC`;
}

export function humanizePercentage(ratio: number): string {
  return `${formatGeneral(ratio * 100, 4)}%`;
}

/** Of seconds: `1d 2h 3m 4s`, `12.3ms`. */
export function humanizeDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return formatGeneral(seconds, 4);
  if (seconds === 0) return "0s";
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? "-" : "";
  if (size < 1) {
    const { scaled, prefix } = scale(seconds);
    return `${formatGeneral(scaled, 4)}${prefix}s`;
  }
  const whole = Math.trunc(size);
  const [days, hours, minutes, rest] = [
    Math.trunc(whole / 86_400),
    Math.trunc(whole / 3600) % 24,
    Math.trunc(whole / 60) % 60,
    whole % 60,
  ];
  if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${rest}s`;
  if (hours > 0) return `${sign}${hours}h ${minutes}m ${rest}s`;
  if (minutes > 0) return `${sign}${minutes}m ${rest}s`;
  return `${formatGeneral(seconds, 4)}s`;
}

function scale(value: number): { scaled: number; prefix: string } {
  if (value === 0 || !Number.isFinite(value)) return { scaled: value, prefix: "" };
  let scaled = value;
  let step = 0;
  if (Math.abs(value) >= 1) {
    while (Math.abs(scaled) >= 1000 && step < larger.length - 1) {
      scaled /= 1000;
      step++;
    }
    return { scaled, prefix: larger[step]! };
  }
  while (Math.abs(scaled) < 1 && step < smaller.length - 1) {
    scaled *= 1000;
    step++;
  }
  return { scaled, prefix: smaller[step]! };
}
