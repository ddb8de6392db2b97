// A process that does nothing: the delay of its event loop is the machine's own.
import { monitorEventLoopDelay } from "node:perf_hooks";

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on("message", (ask) => {
  if (ask === "reset") delay.reset();
  process.send({ p99Ms: Math.round(delay.percentile(99) / 1e5) / 10, maxMs: Math.round(delay.max / 1e5) / 10 });
});
process.on("disconnect", () => process.exit(0));
