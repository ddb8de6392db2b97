// What is used of llama.cpp's binding, which is installed beside this file by its own command and may be absent.
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

export interface Slot {
  /** Tokens as they come; ends when the caller does. */
  evaluate(tokens: readonly number[], options: { temperature: number; seed: number }): AsyncGenerator<number>;
  clearHistory(): Promise<void>;
}

export interface Loaded {
  readonly slots: readonly Slot[];
  tokenize(text: string): readonly number[];
  detokenize(tokens: readonly number[]): string;
}

interface Binding {
  getLlama(options: { gpu: false; build: "never"; skipDownload: true; logLevel: "error" }): Promise<{
    loadModel(options: { modelPath: string }): Promise<{
      tokenize(text: string, special: boolean): readonly number[];
      detokenize(tokens: readonly number[]): string;
      createContext(options: {
        sequences: number;
        contextSize: number;
        threads: number;
      }): Promise<{ getSequence(): Slot }>;
    }>;
  }>;
}

const entry = fileURLToPath(new URL("binding/node_modules/node-llama-cpp/dist/index.js", import.meta.url));

export const isInstalled = (): boolean => existsSync(entry);

/** Rejects if it is not installed, or does not run here. */
export async function loadLlama(modelPath: string, slots: number, contextSize: number): Promise<Loaded> {
  const { getLlama } = (await import(pathToFileURL(entry).href)) as Binding;
  const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, logLevel: "error" });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ sequences: slots, contextSize, threads: 1 });
  return {
    slots: Array.from({ length: slots }, () => context.getSequence()),
    tokenize: (text) => model.tokenize(text, false),
    detokenize: (tokens) => model.detokenize(tokens),
  };
}
