// The uncertain places of a photo, enlarged: its contour, a brush, and a cursor for the keyboard.

const COLOURS = { object: "#00d26a", background: "#ff5630", contour: "#ff00c8" };
const APART = 0.7; // pixels that a pointer moves before a stroke has another point

export class PlaceBoard {
  /** onStroke is called with a label, points and a radius, all in pixels of working size. */
  constructor(board, onStroke) {
    this.board = board;
    this.onStroke = onStroke;
    this.label = "object";
    this.radius = 3;
    this.hasLines = true;
    this.isBright = false; // whether shadows are brightened
    this.isFixing = false;
    this.cards = [];
    this.current = 0;
    new ResizeObserver(() => this.draw()).observe(board);
  }

  show(picture, layers, places, strokes) {
    this.picture = picture;
    this.layers = layers;
    this.start = null; // of a stroke by the keyboard
    this.board.replaceChildren();
    this.cards = [];
    this.current = 0;
    for (const place of places) this.#add(place);
    this.strokes = strokes;
    this.#resetCursor();
    this.draw();
  }

  /** Show a mask that has changed; the places stay, what is to be expected in them changes. */
  update(strokes) {
    this.strokes = strokes;
    this.draw();
  }

  /** Open a place around a pixel, and make it the current one. */
  open(x, y) {
    const side = this.cards[0]?.place.side ?? 96;
    const within = (at, whole) => Math.round(Math.max(0, Math.min(at - side / 2, whole - side)));
    this.#add({ x: within(x, this.layers.width), y: within(y, this.layers.height), side, wrong: null });
    this.focus(this.cards.length - 1);
  }

  focus(index) {
    this.cards[index]?.canvas.focus();
  }

  choose(index) {
    if (index !== this.current) {
      this.current = index;
      this.#resetCursor();
    }
    this.draw();
  }

  fix(isFixing) {
    this.isFixing = isFixing;
    this.start = null;
    if (isFixing) this.focus(this.current);
    this.draw();
  }

  moveCursor(x, y) {
    const { place } = this.cards[this.current];
    const within = (at, low) => Math.max(low + 0.5, Math.min(at, low + place.side - 0.5));
    this.cursor = [within(this.cursor[0] + x, place.x), within(this.cursor[1] + y, place.y)];
    this.draw();
  }

  startLine() {
    this.start = [...this.cursor];
    this.draw();
  }

  /** A click at the cursor, or the end of the line that was started. */
  put(label) {
    const points = this.start ? [this.start, this.cursor] : [this.cursor];
    this.start = null;
    this.onStroke(label, points.map((xy) => [...xy]), this.radius);
  }

  draw() {
    for (const [index, card] of this.cards.entries()) this.#drawCard(card, index);
  }

  #resetCursor() {
    const place = this.cards[this.current]?.place;
    if (place) this.cursor = [place.x + place.side / 2, place.y + place.side / 2];
  }

  #add(place) {
    const index = this.cards.length;
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    const wrong = place.wrong === null ? "opened by you" : `about ${Math.round(place.wrong)} px wrong`;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Place ${index + 1}, ${wrong}`);
    const caption = document.createElement("figcaption");
    const key = document.createElement("kbd");
    key.textContent = index + 1;
    const text = document.createElement("span");
    text.textContent = wrong;
    caption.append(index < 9 ? key : "", text);
    figure.append(canvas, caption);
    this.board.append(figure);
    this.cards.push({ canvas, place, line: null });
    canvas.addEventListener("focus", () => this.choose(index));
    this.#listen(this.cards[index], index);
  }

  #drawCard(card, index) {
    const { canvas, place } = card;
    if (!this.layers || !canvas.clientWidth) return;
    const pixels = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    if (index === this.current) canvas.setAttribute("aria-current", "true");
    else canvas.removeAttribute("aria-current");
    const scale = pixels / place.side;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = scale < 3;
    context.fillStyle = "#808080";
    context.fillRect(0, 0, pixels, pixels);
    context.filter = this.isBright ? "brightness(3.5)" : "none";
    context.drawImage(this.picture, place.x, place.y, place.side, place.side, 0, 0, pixels, pixels);
    context.filter = "none";
    context.save();
    context.scale(scale, scale);
    context.translate(-place.x, -place.y);
    if (this.hasLines) {
      this.#drawContour(context, place, scale);
      for (const stroke of this.strokes) this.#drawLine(context, stroke.points, stroke.radius, stroke.label, scale);
    }
    if (card.line) this.#drawLine(context, card.line.points, this.radius, card.line.label, scale, true);
    if (this.isFixing && index === this.current) this.#drawCursor(context, scale);
    context.restore();
  }

  #drawContour(context, place, scale) {
    const { layers } = this;
    const isObject = (row, column) => layers.isObject(row, column);
    const bottom = Math.min(place.y + place.side, layers.height);
    const right = Math.min(place.x + place.side, layers.width);
    context.beginPath();
    for (let row = place.y; row < bottom; row++) {
      for (let column = place.x; column < right; column++) {
        const own = isObject(row, column);
        if (column + 1 < right && own !== isObject(row, column + 1)) {
          context.moveTo(column + 1, row);
          context.lineTo(column + 1, row + 1);
        }
        if (row + 1 < bottom && own !== isObject(row + 1, column)) {
          context.moveTo(column, row + 1);
          context.lineTo(column + 1, row + 1);
        }
      }
    }
    context.lineCap = "square";
    for (const [colour, width] of [["#000000", 3.5], [COLOURS.contour, 1.75]]) {
      context.strokeStyle = colour;
      context.lineWidth = width / scale;
      context.stroke();
    }
  }

  #drawLine(context, points, radius, label, scale, isOpen = false) {
    context.strokeStyle = COLOURS[label];
    context.globalAlpha = isOpen ? 0.6 : 0.35;
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = Math.max(2 * radius, 1.5 / scale);
    context.beginPath();
    context.moveTo(...points[0]);
    for (const point of points) context.lineTo(point[0] + 1e-3, point[1]);
    context.stroke();
    context.globalAlpha = 1;
  }

  #drawCursor(context, scale) {
    const [x, y] = this.cursor;
    if (this.start) this.#drawLine(context, [this.start, this.cursor], this.radius, this.label, scale, true);
    for (const [colour, width] of [["#000000", 3.5], [COLOURS[this.label], 1.75]]) {
      context.strokeStyle = colour;
      context.lineWidth = width / scale;
      context.beginPath();
      context.arc(x, y, this.radius, 0, 7);
      context.moveTo(x - 0.4, y);
      context.lineTo(x + 0.4, y);
      context.moveTo(x, y - 0.4);
      context.lineTo(x, y + 0.4);
      context.stroke();
    }
  }

  #listen(card, index) {
    const { canvas, place } = card;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const [rim, side] = [canvas.clientLeft, canvas.clientWidth];
      return [
        place.x + ((event.clientX - box.left - rim) / side) * place.side,
        place.y + ((event.clientY - box.top - rim) / side) * place.side,
      ];
    };
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => {
      this.choose(index);
      if (event.button === 1 || (event.pointerType === "touch" && !this.isFixing)) return;
      canvas.setPointerCapture(event.pointerId);
      const other = this.label === "object" ? "background" : "object";
      card.line = { label: event.button === 2 ? other : this.label, points: [at(event)] };
      this.draw();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!card.line) return;
      const point = at(event);
      const last = card.line.points.at(-1);
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) < APART) return;
      card.line.points.push(point);
      this.draw();
    });
    canvas.addEventListener("pointerup", () => {
      const { line } = card;
      card.line = null;
      if (line) this.onStroke(line.label, line.points, this.radius);
    });
    canvas.addEventListener("pointercancel", () => {
      card.line = null;
      this.draw();
    });
  }
}
