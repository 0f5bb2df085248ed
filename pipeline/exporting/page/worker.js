// Runs the model with onnxruntime-web, beside the page so that the page stays responsive.

import * as ort from "./ort.wasm.min.mjs";

const THREADS = 4; // at most; more than one only where the server sends headers that allow it

ort.env.wasm.numThreads = self.crossOriginIsolated
  ? Math.min(THREADS, navigator.hardwareConcurrency) : 1;

const loaded = load();

async function load() {
  try {
    const [session, about] = await Promise.all([
      ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] }),
      fetch("about.txt").then((answer) => answer.text()),
    ]);
    self.postMessage({ about });
    return session;
  } catch (error) {
    self.postMessage({ error: `The model cannot be loaded: ${error.message}` });
    return null;
  }
}

let last = Promise.resolve(); // onnxruntime-web runs one photo at a time

self.onmessage = ({ data }) => {
  last = last.then(() => answer(data));
};

async function answer({ number, width, height, data, budget }) {
  const session = await loaded;
  if (!session) return;
  try {
    const begun = performance.now();
    const rgb = new Uint8Array(width * height * 3);
    for (let i = 0, j = 0; i < data.length; i += 4) {
      rgb[j++] = data[i];
      rgb[j++] = data[i + 1];
      rgb[j++] = data[i + 2];
    }
    const feeds = { photo: new ort.Tensor("uint8", rgb, [height, width, 3]) };
    if (session.inputNames.includes("budget")) {
      feeds.budget = new ort.Tensor("int64", [BigInt(budget)], [1]);
    }
    const wanted = session.outputNames.filter((name) => name !== "logits");
    const results = await session.run(feeds, wanted);
    const seconds = (performance.now() - begun) / 1000;
    const mask = results.mask.data;
    const novelty = results.novelty ? results.novelty.data[0] : 0;
    self.postMessage({ number, mask, novelty, seconds }, [mask.buffer]);
  } catch (error) {
    self.postMessage({ error: `No mask of this photo: ${error.message}` });
  }
}
