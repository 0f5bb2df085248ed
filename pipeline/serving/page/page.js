// Photos that are chosen, dropped or pasted go to the server one after another.

import { Layers } from "./layers.js";
import { Viewer } from "./viewer.js";

const OUTPUTS = ["mask", "cutout", "alpha", "svg", "geojson", "coco", "labelme", "yolo"];
const MOST_LAYERS = 8; // photos whose layers stay in memory; others are asked for again

const $ = (id) => document.getElementById(id);
const photos = []; // { file, button, state, layers, picture, budget }
let current = null;
let isSending = false;

const viewer = new Viewer($("view"), $("divider"), (share) => {
  $("divide").value = Math.round(share * 1000);
});

function say(text) {
  $("status").textContent = text;
}

async function ask(path, fields, file) {
  const form = new FormData();
  form.append("photo", file, file.name || "photo.png");
  for (const [name, value] of Object.entries(fields)) if (value !== "") form.append(name, value);
  for (;;) {
    const answer = await fetch(path, { method: "POST", body: form });
    if (answer.status !== 503) {
      if (answer.ok) return answer;
      const problem = await answer.json().catch(() => null);
      throw new Error(problem?.errors?.[0]?.title ?? `The server answered ${answer.status}`);
    }
    const seconds = Number(answer.headers.get("Retry-After")) || 1;
    await new Promise((done) => setTimeout(done, seconds * 1000));
  }
}

function add(files) {
  for (const file of files) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = file.name || "pasted photo";
    const photo = { file, button, state: "waiting" };
    button.addEventListener("click", () => select(photo));
    const item = document.createElement("li");
    item.append(button);
    $("photos").append(item);
    photos.push(photo);
  }
  if (files.length) select(photos[photos.length - files.length]);
}

async function select(photo) {
  current = photo;
  for (const each of photos) {
    if (each === photo) each.button.setAttribute("aria-current", "true");
    else each.button.removeAttribute("aria-current");
  }
  if (photo.state === "forgotten" || photo.state === "failed") photo.state = "waiting";
  if (photo.state === "done") present(photo);
  else {
    $("work").hidden = true;
    $("novel").hidden = true;
    say(`${photo.button.textContent}: waiting ...`);
  }
  await sendAll();
}

async function sendAll() {
  if (isSending) return;
  isSending = true;
  for (;;) {
    const waiting = photos.filter((photo) => photo.state === "waiting");
    const photo = waiting.includes(current) ? current : waiting[0];
    if (!photo) break;
    await send(photo);
    if (photo === current) present(photo);
    forget();
  }
  isSending = false;
}

async function send(photo) {
  photo.state = "sent";
  if (photo === current) say(`${photo.file.name}: finding the object ...`);
  try {
    const bitmap = await createImageBitmap(photo.file).catch(() => null);
    const answer = await (await ask("v1/tiles", bitmap ? {} : { preview: "true" }, photo.file)).json();
    photo.layers = await Layers.from(answer);
    photo.picture = bitmap ?? (await decoded(answer.preview));
    photo.answer = answer;
    photo.budget ??= photo.layers.standard;
    photo.state = "done";
  } catch (error) {
    photo.state = "failed";
    photo.reason = error.message;
  }
  const dice = photo.layers?.expected?.[photo.layers.standard];
  const mark = photo.state === "failed" ? "no mask" : photo.layers.known === false ? "unlike" : dice;
  photo.button.textContent = `${photo.file.name} (${typeof mark === "number" ? mark.toFixed(4) : mark ?? "done"})`;
}

/** Drop the layers of photos that were sent long ago. */
function forget() {
  const done = photos.filter((photo) => photo.state === "done" && photo !== current);
  for (const photo of done.slice(0, Math.max(0, done.length - MOST_LAYERS))) {
    photo.picture.close();
    Object.assign(photo, { state: "forgotten", layers: null, picture: null });
  }
}

async function decoded(text) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
}

function present(photo) {
  const isDone = photo.state === "done";
  $("work").hidden = !isDone;
  $("novel").hidden = !isDone || photo.layers.known !== false;
  if (!isDone) {
    say(`No mask of ${photo.file.name}: ${photo.reason}`);
    return;
  }
  const { answer, layers } = photo;
  say(`${answer.photo}: ${answer.width} x ${answer.height} pixels, ${layers.order.length} uncertain tiles.`);
  $("budget").max = layers.order.length;
  $("budget").value = photo.budget;
  worst = 0;
  layers.stitch(photo.budget);
  tell(photo);
  viewer.show(photo.picture, layers);
}

function tell(photo) {
  const { layers } = photo;
  $("count").textContent = `${layers.budget} of ${layers.order.length}`;
  const dice = layers.expected?.[layers.budget];
  const ends = layers.budget === layers.standard && layers.interval;
  const interval = ends ? ` (${ends.map((end) => end.toFixed(4)).join(" to ")})` : "";
  $("expected").textContent = dice === undefined ? "Expected Dice: not known" : `Expected Dice ${dice.toFixed(4)}${interval}`;
}

let worst = 0;
function nextPlace() {
  const { layers } = current;
  if (!layers.order.length) return;
  const [row, column] = layers.place(worst % layers.order.length);
  worst += 1;
  viewer.lookAt((column + 0.5) * layers.side, (row + 0.5) * layers.side, 8);
}

async function download(output) {
  const photo = current;
  const budget = photo.layers.budget === photo.layers.standard ? "" : String(photo.layers.budget);
  const background = output === "cutout" ? $("ground").value : "";
  say(`${photo.file.name}: making ${output} ...`);
  try {
    const answer = await ask("v1/masks", { output, budget, background }, photo.file);
    const named = /filename\*=UTF-8''(.+)/.exec(answer.headers.get("Content-Disposition"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    const [, stem, suffix] = /(.*)(\.[^.]+)/.exec(decodeURIComponent(named[1]));
    link.download = output === "mask" ? stem + suffix : `${stem}-${output}${suffix}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(`${link.download} is ready.`);
  } catch (error) {
    say(`No ${output} of ${photo.file.name}: ${error.message}`);
  }
}

for (const output of OUTPUTS) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = output;
  button.addEventListener("click", () => download(output));
  $("downloads").append(button);
}

$("file").addEventListener("change", () => {
  add([...$("file").files]);
  $("file").value = "";
});
$("divide").addEventListener("input", () => viewer.setDivide($("divide").value / 1000));
$("budget").addEventListener("input", () => {
  current.budget = Number($("budget").value);
  current.layers.stitch(current.budget);
  tell(current);
  viewer.refresh();
});
for (const radio of document.querySelectorAll("input[name=after]")) {
  radio.addEventListener("change", () => {
    viewer.options.after = radio.value;
    viewer.refresh();
  });
}
for (const id of ["contour", "tiles", "difference"]) {
  $(id).addEventListener("change", () => {
    viewer.options[id] = $(id).checked;
    viewer.refresh();
  });
}
$("ground").addEventListener("change", () => {
  viewer.options.ground = $("ground").value;
  viewer.draw();
});
$("closer").addEventListener("click", () => viewer.zoomBy(1.5));
$("farther").addEventListener("click", () => viewer.zoomBy(1 / 1.5));
$("all").addEventListener("click", () => viewer.reset());
$("worst").addEventListener("click", nextPlace);
document.addEventListener("paste", (event) => add([...event.clipboardData.files]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  add([...event.dataTransfer.files]);
});
