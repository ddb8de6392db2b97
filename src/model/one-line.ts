// Text that came from outside as one line that is shown as it stands: in a terminal, a page, a chat or a prompt.

/** C0 and C1 controls, DEL, line and paragraph separators, and what turns the direction of text around. */
export const controls = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/gu;

/** Those become a space. At most `max` UTF-16 units; what was longer ends in `…`, and never in half of a character. */
export function oneLine(text: string, max: number): string {
  const line = text.replace(controls, " ").trim();
  return line.length <= max ? line : `${line.slice(0, max - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
