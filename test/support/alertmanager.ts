// The real Alertmanager, where this machine has one.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const binary = ["/usr/bin/prometheus-alertmanager", "/usr/local/bin/alertmanager", "/usr/bin/alertmanager"].find(
  (path) => existsSync(path),
);
export const alertmanagerPresent = binary !== undefined;

export interface RunningAlertmanager extends AsyncDisposable {
  readonly url: string;
}

/** Starts it on a free port, alone, with this configuration; resolves once it answers. */
export async function startAlertmanager(yaml: string): Promise<RunningAlertmanager> {
  const folder = mkdtempSync(join(tmpdir(), "homeostat-am-"));
  writeFileSync(join(folder, "alertmanager.yml"), yaml);
  const child = spawn(
    binary!,
    [
      `--config.file=${join(folder, "alertmanager.yml")}`,
      `--storage.path=${join(folder, "data")}`,
      "--web.listen-address=127.0.0.1:0",
      "--cluster.listen-address=",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const said: string[] = [];
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      const match = /istening on.*?address=127\.0\.0\.1:(\d+)/.exec(line);
      if (match !== null) resolve(match[1]!);
    });
    child.once("close", (code) => reject(new Error(`Alertmanager ended with ${code}:\n${said.join("\n")}`)));
    child.once("error", reject);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
