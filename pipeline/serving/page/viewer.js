// A photo with its mask on a canvas: before and after, layers, zoom and pan.

const CLOSEST = 16;
const COLOURS = { contour: [255, 0, 200], gained: [0, 190, 90], lost: [255, 60, 40] };

export class Viewer {
  constructor(view, divider, onDivide) {
    this.view = view;
    this.divider = divider;
    this.canvas = view.querySelector("canvas");
    this.onDivide = onDivide;
    this.divide = 0.5; // of the width of the view
    this.zoom = 1; // 1 shows the whole photo
    this.centre = [0.5, 0.5]; // of the photo, x and y
    this.options = { after: "cutout", contour: false, tiles: false, difference: false, ground: "" };
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(view);
  }

  /** Show a picture of working size with its layers. */
  show(picture, layers) {
    this.picture = picture;
    this.layers = layers;
    this.after = new OffscreenCanvas(layers.width, layers.height);
    this.overlay = new OffscreenCanvas(layers.width, layers.height);
    const copy = new OffscreenCanvas(layers.width, layers.height).getContext("2d");
    copy.drawImage(picture, 0, 0, layers.width, layers.height);
    this.pixels = copy.getImageData(0, 0, layers.width, layers.height);
    this.view.style.setProperty("--aspect", layers.width / layers.height);
    this.reset();
    this.refresh();
  }

  reset() {
    this.zoom = 1;
    this.centre = [0.5, 0.5];
    this.draw();
  }

  /** Look at a place of the photo, in pixels of working size. */
  lookAt(x, y, zoom) {
    this.zoom = zoom;
    this.centre = [x / this.layers.width, y / this.layers.height];
    this.draw();
  }

  zoomBy(factor) {
    this.zoom = Math.min(CLOSEST, Math.max(1, this.zoom * factor));
    this.draw();
  }

  moveBy(x, y) {
    const scale = this.#scale();
    this.centre[0] += x / scale / this.layers.width;
    this.centre[1] += y / scale / this.layers.height;
    this.draw();
  }

  setDivide(share) {
    this.divide = Math.min(1, Math.max(0, share));
    this.onDivide(this.divide);
    this.draw();
  }

  /** Make the pictures of the mask and the layers anew. */
  refresh() {
    if (!this.layers) return;
    this.#makeAfter();
    this.#makeOverlay();
    this.draw();
  }

  draw() {
    if (!this.layers) return;
    const { canvas, layers } = this;
    const density = window.devicePixelRatio || 1;
    canvas.width = Math.round(this.view.clientWidth * density);
    canvas.height = Math.round(this.view.clientHeight * density);
    for (const axis of [0, 1]) {
      const half = 0.5 / this.zoom;
      this.centre[axis] = Math.min(1 - half, Math.max(half, this.centre[axis]));
    }
    const scale = this.#scale() * density;
    const x = canvas.width / 2 - this.centre[0] * layers.width * scale;
    const y = canvas.height / 2 - this.centre[1] * layers.height * scale;
    const size = [layers.width * scale, layers.height * scale];
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = scale < 3;
    context.drawImage(this.picture, x, y, ...size);
    const divide = Math.round(this.divide * canvas.width);
    context.save();
    context.beginPath();
    context.rect(divide, 0, canvas.width - divide, canvas.height);
    context.clip();
    if (this.options.after === "cutout") this.#drawGround(context);
    if (this.options.after !== "photo") context.drawImage(this.after, x, y, ...size);
    context.restore();
    context.drawImage(this.overlay, x, y, ...size);
    if (this.options.tiles) this.#drawTiles(context, x, y, scale);
    this.divider.style.left = `calc(${this.divide * 100}% - 1px)`;
  }

  #scale() {
    const { width, height } = this.layers;
    return this.zoom * Math.min(this.view.clientWidth / width, this.view.clientHeight / height);
  }

  #makeAfter() {
    const { layers, pixels } = this;
    const image = new ImageData(new Uint8ClampedArray(pixels.data), layers.width, layers.height);
    const words = new Uint32Array(image.data.buffer);
    const isMask = this.options.after === "mask";
    for (let row = 0, i = 0; row < layers.height; row++) {
      for (let column = 0; column < layers.width; column++, i++) {
        const isObject = layers.isObject(row, column);
        if (isMask) words[i] = isObject ? 0xffffffff : 0xff000000;
        else if (!isObject) words[i] = 0;
      }
    }
    this.after.getContext("2d").putImageData(image, 0, 0);
  }

  #makeOverlay() {
    const { layers, options } = this;
    const image = new ImageData(layers.width, layers.height);
    const paint = (i, colour, alpha) => image.data.set([...colour, alpha], i * 4);
    if (options.contour || options.difference) {
      for (let row = 0, i = 0; row < layers.height; row++) {
        for (let column = 0; column < layers.width; column++, i++) {
          const isObject = layers.isObject(row, column);
          const wasObject = layers.coarse[row * layers.stride + column] > 127;
          if (options.difference && isObject !== wasObject) {
            paint(i, isObject ? COLOURS.gained : COLOURS.lost, 255);
          } else if (options.contour && isObject && this.#isRim(row, column)) {
            paint(i, COLOURS.contour, 255);
          }
        }
      }
    }
    this.overlay.getContext("2d").putImageData(image, 0, 0);
  }

  #isRim(row, column) {
    const { layers } = this;
    return (row > 0 && !layers.isObject(row - 1, column))
      || (column > 0 && !layers.isObject(row, column - 1))
      || (row + 1 < layers.height && !layers.isObject(row + 1, column))
      || (column + 1 < layers.width && !layers.isObject(row, column + 1));
  }

  #drawGround(context) {
    const { width, height } = context.canvas;
    context.fillStyle = this.options.ground || "#ffffff";
    context.fillRect(0, 0, width, height);
    if (this.options.ground) return;
    const square = 12 * (window.devicePixelRatio || 1);
    context.fillStyle = "#d4d4d4";
    for (let y = 0, row = 0; y < height; y += square, row++) {
      for (let x = (row % 2) * square; x < width; x += 2 * square) {
        context.fillRect(x, y, square, square);
      }
    }
  }

  #drawTiles(context, x, y, scale) {
    const { layers } = this;
    const side = layers.side * scale;
    context.lineWidth = Math.max(1, scale / 4);
    for (let rank = layers.order.length - 1; rank >= 0; rank--) {
      const [row, column] = layers.place(rank);
      context.strokeStyle = rank < layers.budget ? "#ffb000" : "#3d9bff";
      context.strokeRect(x + column * side, y + row * side, side, side);
    }
  }

  #listen() {
    const pointers = new Map();
    let isDividing = false;
    const place = (event) => {
      const box = this.view.getBoundingClientRect();
      return (event.clientX - box.left) / box.width;
    };
    this.view.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.view.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, event);
      isDividing = event.target === this.divider;
    });
    this.view.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const distance = () => {
        const [a, b] = [...pointers.values()];
        return b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0;
      };
      const apart = distance();
      pointers.set(event.pointerId, event);
      if (isDividing) this.setDivide(place(event));
      else if (pointers.size === 2 && apart) this.zoomBy(distance() / apart);
      else this.moveBy(before.clientX - event.clientX, before.clientY - event.clientY);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      this.view.addEventListener(name, (event) => pointers.delete(event.pointerId));
    }
    this.view.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    const keys = {
      ArrowLeft: () => this.moveBy(-60, 0),
      ArrowRight: () => this.moveBy(60, 0),
      ArrowUp: () => this.moveBy(0, -60),
      ArrowDown: () => this.moveBy(0, 60),
      "+": () => this.zoomBy(1.5),
      "=": () => this.zoomBy(1.5),
      "-": () => this.zoomBy(1 / 1.5),
      0: () => this.reset(),
      "[": () => this.setDivide(this.divide - 0.05),
      "]": () => this.setDivide(this.divide + 0.05),
    };
    this.view.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}
