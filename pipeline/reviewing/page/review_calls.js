// What the page asks the server, and the photos that it has been told of.

import { Layers } from "./layers.js";

const MOST_KEPT = 4;

async function answered(answer) {
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  throw new Error(problem?.errors?.[0]?.title ?? `The server answered ${answer.status}`);
}

export async function ask(path, query = {}) {
  const text = new URLSearchParams(query).toString();
  return answered(await fetch(`v1/review${path}${text ? `?${text}` : ""}`));
}

/** Say something; a server that is busy is told again. */
export async function say(path, fields) {
  for (;;) {
    const answer = await fetch(`v1/review/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(fields),
    });
    if (answer.status !== 503) return (await answered(answer)).json();
    await new Promise((done) => setTimeout(done, 1000));
  }
}

/** Photos with their layers; the next one is asked for before it is looked at. */
export class Photos {
  #kept = new Map();

  get(name) {
    if (!this.#kept.has(name)) {
      this.#kept.set(name, this.#load(name));
      for (const old of [...this.#kept.keys()].slice(0, -MOST_KEPT)) this.#kept.delete(old);
    }
    return this.#kept.get(name);
  }

  forget(name) {
    if (name === undefined) this.#kept.clear();
    else this.#kept.delete(name);
  }

  async #load(name) {
    try {
      const [answer, picture] = await Promise.all([
        ask("/photo", { name }).then((found) => found.json()),
        ask("/picture", { name }).then((found) => found.blob()).then(createImageBitmap),
      ]);
      const layers = await Layers.from(answer);
      layers.stitch(layers.standard);
      return { ...answer, layers, picture, scale: answer.width / answer.working[1] };
    } catch (error) {
      this.#kept.delete(name);
      throw error;
    }
  }
}
