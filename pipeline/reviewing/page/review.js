// The review of a batch: photos one after another, the least certain first.

import { BatchList, offerText } from "./batch_list.js";
import { PlaceBoard } from "./place_board.js";
import { ask, Photos, say } from "./review_calls.js";
import { Viewer } from "./viewer.js";

const STEP = 0.1; // pixels by which a contour is moved

const $ = (id) => document.getElementById(id);
const loaded = new Photos();
const list = new BatchList();
const history = [];
let current = null; // a photo with its layers
let queue = Promise.resolve(); // what is said is said in order

const viewer = new Viewer($("view"), $("divider"), () => {});
viewer.divide = 0;
Object.assign(viewer.options, { after: "photo", contour: true });
const board = new PlaceBoard($("places"), (label, points, radius) => stroke(label, points, radius));

const tell = (text) => ($("status").textContent = text);
function doing(work) {
  queue = queue.then(work).catch((error) => tell(`Not done: ${error.message}`));
  return queue;
}

function heard(answer) {
  list.hear(answer);
  $("left").textContent = list.leftText;
  showOffer();
}

async function goOn() {
  const next = list.after(current?.name);
  if (!next) return finish();
  if (current) history.push(current.name);
  await show(next.name);
}

async function show(name) {
  tell(`${name}: loading ...`);
  current = await loaded.get(name);
  $("done").hidden = true;
  $("desk").hidden = false;
  $("novel").hidden = current.known !== false;
  fix(false);
  board.show(current.picture, current.layers, current.places, atWork(current.strokes));
  if (document.querySelector(".whole").open) viewer.show(current.picture, current.layers);
  present();
  showOffer();
  const next = list.after(name);
  if (next) loaded.get(next.name).catch(() => {});
}

/** Strokes in pixels of working size. */
function atWork(strokes) {
  const { scale } = current;
  return strokes.map(({ label, points, radius }) => (
    { label, points: points.map(([x, y]) => [x / scale, y / scale]), radius: radius / scale }
  ));
}

function present() {
  const { name } = current;
  const { status, expected, group } = list.entry(name);
  const num = current.strokes.length;
  const place = `${list.place(name) + 1} of ${list.photos.length}`;
  $("title").textContent = `${name} (${place}${status === "open" ? "" : `, ${status}`})`;
  const dice = expected === null ? "unlike the photos of training" : `expected Dice ${expected.toFixed(4)}`;
  const now = num && expected !== null ? `, with ${num} stroke${num === 1 ? "" : "s"} ${current.dice.toFixed(4)}` : "";
  const source = current.is_networks ? "" : "; the mask is from elsewhere";
  tell(`${dice}${now}${source}${group ? `; group ${group}` : ""}`);
  for (const id of ["accept", "fix", "next"]) $(id).disabled = false;
  $("undo").disabled = !num;
  $("back").disabled = !history.length;
  $("reopen").hidden = status !== "accepted";
  $("offset").textContent = current.offset ? `moved by ${current.offset > 0 ? "+" : ""}${current.offset.toFixed(2)} px` : "as it is drawn";
}

function showOffer() {
  const offer = current && list.offerFor(current.name);
  $("offer").hidden = !offer;
  if (offer) $("offer").querySelector("span").textContent = offerText(offer);
}

function finish() {
  if (current) history.push(current.name);
  current = null;
  const panel = $("done");
  const others = list.others.length;
  const later = list.open.some((photo) => photo.status === "later");
  [panel.querySelector("h2").textContent, panel.querySelector("p").textContent] = list.doneTexts;
  $("later").hidden = !later;
  $("more").hidden = $("rest").hidden = !others;
  panel.hidden = false;
  $("desk").hidden = $("offer").hidden = $("novel").hidden = true;
  $("title").textContent = "";
  for (const id of ["accept", "fix", "next", "undo"]) $(id).disabled = true;
  $("back").disabled = !history.length;
  tell("");
  (later ? $("later") : others ? $("more") : $("below")).focus();
}

async function changed(answer) {
  const { name } = current;
  list.offers = answer.offers;
  if (answer.before !== current.revision) {
    loaded.forget(name); // another page has changed it too
    Object.assign(list.entry(name), { status: answer.status });
    return show(name);
  }
  await current.layers.patch(answer.order, answer.refined);
  const { revision, strokes, offset, dice, status, places } = answer;
  Object.assign(current, { revision, strokes, offset, dice, status, places });
  Object.assign(list.entry(name), { status, offset, strokes: strokes.length });
  board.update(atWork(strokes));
  present();
  $("left").textContent = list.leftText;
  showOffer();
  requestAnimationFrame(() => document.querySelector(".whole").open && viewer.refresh());
}

function stroke(label, points, radius) {
  if (!current) return;
  const { name, scale } = current;
  const text = points.map(([x, y]) => `${(x * scale).toFixed(2)},${(y * scale).toFixed(2)}`).join(" ");
  doing(async () => {
    const start = performance.now();
    await changed(await say("stroke", { name, label, points: text, radius: radius * scale }));
    performance.measure("stroke", { start });
  });
}

const undo = () => current?.strokes.length && doing(async () => changed(await say("undo", { name: current.name })));

function moveContour(pixels) {
  if (!current) return;
  const offset = Math.round((current.offset + pixels) * 100) / 100;
  doing(async () => changed(await say("contour", { name: current.name, offset })));
}

const accept = () => current && doing(async () => {
  heard(await say("accept", { name: current.name }));
  await goOn();
});

const next = () => current && doing(async () => {
  if (list.entry(current.name).status === "open") {
    heard(await say("status", { name: current.name, status: "later" }));
  }
  await goOn();
});

const back = () => history.length && doing(() => show(history.pop()));

const reopen = () => current && doing(async () => {
  heard(await say("reopen", { name: current.name }));
  present();
});
const takeOffer = () => current && !$("offer").hidden && doing(async () => {
  heard(await say("offer", { group: list.entry(current.name).group }));
  loaded.forget();
  await show(current.name);
});

function look(at) {
  list.scope = at;
  current = null;
  doing(goOn);
}

async function acceptOthers() {
  const { others } = list;
  for (const [num, photo] of others.entries()) {
    tell(`accepting ${num + 1} of ${others.length} ...`);
    heard(await say("accept", { name: photo.name }));
  }
  finish();
}

function fix(isFixing) {
  $("fix").setAttribute("aria-pressed", String(isFixing));
  $("desk").classList.toggle("fixing", isFixing);
  board.fix(isFixing);
}

function choose(label) {
  board.label = label;
  document.querySelector(`input[name=label][value=${label}]`).checked = true;
  board.draw();
}

function setRadius(radius) {
  $("radius").value = radius;
  board.radius = Number($("radius").value);
  $("radius-shown").textContent = `${board.radius} px`;
  board.draw();
}

function paint(label) {
  choose(label);
  if (board.isFixing) board.put(label);
}

const KEYS = {
  a: accept,
  n: next,
  p: back,
  u: undo,
  r: () => !$("reopen").hidden && reopen(),
  g: takeOffer,
  f: () => current && fix(!board.isFixing),
  Escape: () => fix(false),
  o: () => paint("object"),
  b: () => paint("background"),
  s: () => board.isFixing && board.startLine(),
  h: () => $("lines").click(),
  l: () => $("bright").click(),
  "[": () => setRadius(board.radius - 0.5),
  "]": () => setRadius(board.radius + 0.5),
  ",": () => moveContour(-STEP),
  ".": () => moveContour(STEP),
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

document.addEventListener("keydown", (event) => {
  const isUndo = (event.ctrlKey || event.metaKey) && event.key === "z";
  const { target } = event;
  if (target.matches("input[type=number]") || (!isUndo && (event.ctrlKey || event.metaKey || event.altKey))) return;
  if (ARROWS[event.key]) {
    if (!board.isFixing || target.matches("input") || $("view").contains(target)) return;
    const [x, y] = ARROWS[event.key].map((step) => step * (event.shiftKey ? 8 : 1));
    board.moveCursor(x, y);
  } else if (/^[1-9]$/.test(event.key)) board.focus(Number(event.key) - 1);
  else if ($("view").contains(target) && "[]".includes(event.key)) return;
  else if (isUndo) undo();
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
});

$("view").addEventListener("dblclick", (event) => {
  const box = $("view").getBoundingClientRect();
  openPlace((event.clientX - box.left) / box.width - 0.5, (event.clientY - box.top) / box.height - 0.5);
});
$("view").addEventListener("keydown", (event) => event.key === "Enter" && openPlace(0, 0));

/** Open a place at shares of the view, counted from its middle. */
function openPlace(x, y) {
  const { width, height } = current.layers;
  const at = [viewer.centre[0] + x / viewer.zoom, viewer.centre[1] + y / viewer.zoom];
  fix(true);
  board.open(at[0] * width, at[1] * height);
}

for (const [id, action] of Object.entries({
  accept, next, back, undo, reopen, take: takeOffer,
  fix: () => current && fix(!board.isFixing),
  tighter: () => moveContour(-STEP),
  wider: () => moveContour(STEP),
  later: () => look("later"),
  more: () => look("all"),
  rest: () => doing(acceptOthers),
})) $(id).addEventListener("click", action);

for (const radio of document.querySelectorAll("input[name=label]")) {
  radio.addEventListener("change", () => choose(radio.value));
}
document.querySelector(".choices").addEventListener("change", ({ target }) => {
  if (target.name === "after") viewer.options.after = target.value;
  else viewer.options[target.id] = target.checked;
  viewer.refresh();
});
$("radius").addEventListener("input", () => setRadius($("radius").value));
for (const [id, option] of [["lines", "hasLines"], ["bright", "isBright"]]) {
  $(id).addEventListener("change", () => {
    board[option] = $(id).checked;
    board.draw();
  });
}
document.querySelector(".whole").addEventListener("toggle", (event) => {
  if (event.target.open && current) viewer.show(current.picture, current.layers);
});
$("below").addEventListener("change", () => {
  if (!$("below").checkValidity()) return tell("A Dice to reach is from 0.5 to 0.9999");
  list.below = Number($("below").value);
  list.scope = "below";
  $("left").textContent = list.leftText;
  if (!current) doing(goOn);
});

setRadius(3);
doing(async () => {
  const answer = await (await ask("")).json();
  list.below = answer.below;
  $("below").value = list.below;
  heard(answer);
  await goOn();
});
