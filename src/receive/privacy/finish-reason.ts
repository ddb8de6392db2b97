// Why a generation ended, in one small set of words for all engines and vendors: a reason is text of the sender's.

const meanings: Readonly<Record<string, string>> = {
  stop: "stop",
  end_turn: "stop",
  eos: "stop",
  eos_token: "stop",
  stop_sequence: "stop",
  complete: "stop",
  completed: "stop",
  length: "length",
  max_tokens: "length",
  max_output_tokens: "length",
  model_length: "length",
  content_filter: "content_filter",
  content_filtered: "content_filter",
  safety: "content_filter",
  refusal: "content_filter",
  recitation: "content_filter",
  tool_call: "tool_calls",
  tool_calls: "tool_calls",
  tool_use: "tool_calls",
  function_call: "tool_calls",
  abort: "abort",
  aborted: "abort",
  cancelled: "abort",
  error: "error",
  failed: "error",
  repetition: "repetition",
};
const latin1 = new TextDecoder("latin1");

/** `stop`, `length`, `content_filter`, `tool_calls`, `abort`, `error`, `repetition` or `other`; empty for no reason. */
export function finishReason(data: Uint8Array, start: number, end: number): string {
  if (start === end) return "";
  if (end - start > 32) return "other";
  const word = latin1.decode(data.subarray(start, end)).toLowerCase().replaceAll("-", "_");
  return Object.hasOwn(meanings, word) ? meanings[word]! : "other";
}
