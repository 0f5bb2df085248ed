// Decodes a photo, has its mask made by the worker, and shows it.

const SHADE = 0.25; // of what is not the object

const element = (id) => document.getElementById(id);
const worker = new Worker("worker.js", { type: "module" });
let photo = null; // its name and pixels, (height, width, 4) uint8
let number = 0; // of the last request: answers to earlier ones are dropped

worker.onmessage = ({ data }) => {
  if (data.about) {
    element("about").textContent = data.about;
    say("Ready.");
    if (photo) request();
  } else if (data.error) {
    say(data.error);
  } else if (data.number === number) {
    show(data);
  }
};
worker.onerror = (event) => say(`The model cannot be loaded: ${event.message}`);

function say(text) {
  element("status").textContent = text;
}

async function open(file) {
  if (!file) return;
  photo = null;
  element("results").hidden = element("novel").hidden = true;
  try {
    // Upright, and in sRGB: the browser applies orientation and colour profile.
    const bitmap = await createImageBitmap(file, { premultiplyAlpha: "none" });
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
    photo = { name: file.name.replace(/\.[^.]*$/, "") || "photo", pixels };
    draw(pixels);
    request();
  } catch {
    say(`${file.name} is no photo that this browser can read, or too large for it.`);
  }
}

function request() {
  if (!photo) return;
  number += 1;
  say("Making the mask ...");
  const { width, height, data } = photo.pixels;
  const budget = Number(element("budget").value);
  worker.postMessage({ number, width, height, data, budget });
}

function draw(pixels) {
  const view = element("view");
  view.width = pixels.width;
  view.height = pixels.height;
  view.getContext("2d").putImageData(pixels, 0, 0);
}

function show({ mask, novelty, seconds }) {
  const { width, height, data } = photo.pixels;
  const shaded = new ImageData(new Uint8ClampedArray(data), width, height);
  const grey = new ImageData(width, height);
  const cutout = new ImageData(new Uint8ClampedArray(data), width, height);
  let area = 0;
  for (let i = 0; i < mask.length; i += 1) {
    const isObject = mask[i] > 0;
    area += isObject;
    for (let c = 0; c < 3; c += 1) {
      grey.data[4 * i + c] = mask[i];
      if (!isObject) shaded.data[4 * i + c] *= SHADE;
    }
    grey.data[4 * i + 3] = 255;
    cutout.data[4 * i + 3] = mask[i];
  }
  draw(shaded);
  const share = (100 * area / mask.length).toFixed(1);
  say(`${width} x ${height} pixels, ${share} % object, ${seconds.toFixed(1)} seconds.`);
  element("novel").hidden = !(novelty > 1);
  offer("mask", grey, `${photo.name}.png`);
  offer("cutout", cutout, `${photo.name}-cutout.png`);
  element("results").hidden = false;
}

async function offer(id, pixels, name) {
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  const blob = await canvas.convertToBlob();
  const link = element(id);
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(blob);
  link.download = name;
}

element("file").onchange = (event) => open(event.target.files[0]);
element("budget").onchange = request;
document.onpaste = (event) => open(event.clipboardData.files[0]);
document.ondragover = (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
};
document.ondragleave = () => document.body.classList.remove("dropping");
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  open(event.dataTransfer.files[0]);
};
