// Text that came with telemetry, changes or alerts, made harmless for where it is shown.
import { controls } from "../../model/one-line.ts";

const textMax = 1000;

/** One line without control characters: a terminal shows it and does nothing else. */
export function plain(text: string): string {
  const line = text.replace(controls, " ").trimEnd();
  return line.length <= textMax ? line : `${line.slice(0, textMax)}…`;
}

/**
 * One line that Markdown (CommonMark and GitHub's) shows as it is: no markup, HTML, links, images, tables or mentions. It may stand
 * at the beginning of a block.
 */
export function markdown(text: string): string {
  return plain(text.trim())
    .replace(/[\\`*_{}[\]()|~$!^]/g, "\\$&")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/@(?=\w)/g, "@\u200b")
    .replace(/#(?=\d)/g, "\\#")
    .replace(/:\/\//g, "\\://")
    .replace(/\bwww\./gi, "$&\u200b")
    .replace(/^([-+#=])/, "\\$1")
    .replace(/^(\d{1,9})([.)])/, "$1\\$2");
}
