// The layers of a photo, and the mask of any budget. No network runs here: only the stitch.

/** What /v1/tiles answers, with its pictures inflated. */
export class Layers {
  constructor(answer, coarse, refined) {
    [this.height, this.width] = answer.working;
    this.stride = answer.padded[1]; // levels have the padding, in rows of that length
    this.side = answer.side;
    this.columns = this.stride / this.side;
    this.order = answer.order;
    this.expected = answer.expected;
    this.interval = answer.interval;
    this.known = answer.known;
    this.standard = Math.min(answer.budget ?? Infinity, this.order.length);
    this.coarse = coarse;
    this.refined = refined;
    this.levels = coarse.slice();
    this.budget = 0;
  }

  static async from(answer) {
    return new Layers(answer, await inflated(answer.coarse), await inflated(answer.refined));
  }

  /** Row and column of the tile of a rank, 0 for the most uncertain. */
  place(rank) {
    const index = this.order[rank];
    return [Math.floor(index / this.columns), index % this.columns];
  }

  /** Stitch the mask of a budget into `levels`; only tiles between the two budgets change. */
  stitch(budget) {
    for (let rank = this.budget; rank < budget; rank++) this.#put(rank, true);
    for (let rank = budget; rank < this.budget; rank++) this.#put(rank, false);
    this.budget = budget;
  }

  /** Put other levels into some tiles: their places in the grid, and deflated levels. */
  async patch(indices, text) {
    const { side, stride, columns } = this;
    const levels = await inflated(text);
    for (const [num, index] of indices.entries()) {
      const start = Math.floor(index / columns) * side * stride + (index % columns) * side;
      for (let y = 0; y < side; y++) {
        const from = (num * side + y) * side;
        this.levels.set(levels.subarray(from, from + side), start + y * stride);
      }
    }
  }

  isObject(row, column) {
    return this.levels[row * this.stride + column] > 127;
  }

  #put(rank, isRefined) {
    const { side, stride } = this;
    const [row, column] = this.place(rank);
    for (let y = 0; y < side; y++) {
      const start = (row * side + y) * stride + column * side;
      const source = isRefined ? this.refined : this.coarse;
      const from = isRefined ? (rank * side + y) * side : start;
      this.levels.set(source.subarray(from, from + side), start);
    }
  }
}

async function inflated(text) {
  const packed = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
