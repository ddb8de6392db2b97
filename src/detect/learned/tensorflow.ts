// TensorFlow.js, loaded only when somebody needs it: 0.4 s and 60 MB. The native backend if it is installed, else WASM, else plain JavaScript.

export type TensorFlow = typeof import("@tensorflow/tfjs-core");
export type Layers = typeof import("@tensorflow/tfjs-layers");

export interface LoadedTensorFlow {
  readonly tf: TensorFlow;
  readonly layers: Layers;
  /** `tensorflow`, `wasm` or `cpu`. */
  readonly backend: string;
}

/** Backends in the order they are tried; `prefer` leaves out the ones before it. */
const order = ["tensorflow", "wasm", "cpu"] as const;
export type BackendName = (typeof order)[number];

/** Rejects when no backend can be started. */
export async function loadTensorFlow(prefer: BackendName = "tensorflow"): Promise<LoadedTensorFlow> {
  const tf = await import("@tensorflow/tfjs-core");
  const layers = await import("@tensorflow/tfjs-layers");
  // Leaves out its own checks of every tensor, and its greeting.
  tf.enableProdMode();
  const reasons: string[] = [];
  for (const backend of order.slice(order.indexOf(prefer))) {
    try {
      await registerBackend(tf, backend);
      if (await tf.setBackend(backend)) {
        await tf.ready();
        return { tf, layers, backend };
      }
      reasons.push(`${backend}: did not start`);
    } catch (error) {
      reasons.push(`${backend}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`no TensorFlow.js backend starts (${reasons.join("; ")})`);
}

async function registerBackend(tf: TensorFlow, backend: BackendName): Promise<void> {
  if (backend === "wasm") {
    await import("@tensorflow/tfjs-backend-wasm");
    // Its threads would be workers of a worker, for models of a few hundred weights. Known only once it is loaded.
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    return;
  }
  if (backend === "cpu") {
    await import("@tensorflow/tfjs-backend-cpu");
    return;
  }
  // An optional peer that most installations lack: named by a variable, so that the compiler does not ask for it.
  const native = "@tensorflow/tfjs-node";
  await import(native);
}
