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
    ? value.toFixed(digits)
    : BigInt(value).toString() + (digits > 0 ? `.${"0".repeat(digits)}` : "");
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : undefined;
}

function general(value: number, digits: number | undefined): string {
  const [mantissa = "0", power = "0"] = (
    digits === undefined ? value.toExponential() : value.toExponential(digits - 1)
  ).split("e");
  const exponent = Number(power);
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  if (exponent < -4 || exponent >= (digits ?? 6)) {
    return `${short}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const decimals = Math.max(0, short.replace(/^-?\d\.?/, "").length - exponent);
  return value.toFixed(Math.min(100, decimals));
}

const larger = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const smaller = ["", "m", "u", "n", "p", "f", "a", "z", "y"];

/** Four digits and a metric prefix: 1234567 is 1.235M. */
export function humanize(value: number): string {
  const { scaled, prefix } = scale(value);
  return formatGeneral(scaled, 4) + prefix;
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
