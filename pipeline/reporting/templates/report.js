// Lists the photos of a report: search, sort, filter, pages, a table, and one photo enlarged.
// Names of photos only ever become text, never markup.
"use strict";

(() => {
  const { columns, captions, photos: listed } = globalThis.REPORT;
  const PAGE = { pictures: 24, table: 200 };
  const photos = listed.map(([name, values, marks, pictures, note], place) =>
    ({ name, values, marks, pictures, note, place, key: name.toLowerCase() }));
  const state = { search: "", sort: 0, filter: "", view: "pictures", reversed: false, page: 0 };
  let found = [];

  const at = (id) => document.getElementById(id);
  const made = (tag, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };
  const shown = (value, column) => value === null ? "–" : value.toFixed(column.digits);

  function compare(one, other) {
    const column = columns[state.sort];
    if (!column) return one.key < other.key ? -1 : one.key > other.key ? 1 : one.place - other.place;
    const [a, b] = [one.values[state.sort], other.values[state.sort]];
    if (a === null || b === null) return (b === null) - (a === null) || one.place - other.place;
    return (column.first === "low" ? a - b : b - a) || one.place - other.place;
  }

  function update() {
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    found = photos.filter((photo) =>
      (!state.filter || photo.marks.includes(state.filter))
      && words.every((word) => photo.key.includes(word)));
    found.sort(compare);
    if (state.reversed) found.reverse();
    const num = Math.max(1, Math.ceil(found.length / PAGE[state.view]));
    state.page = Math.min(Math.max(state.page, 0), num - 1);
    const first = state.page * PAGE[state.view];
    const part = found.slice(first, first + PAGE[state.view]);
    at("count").textContent = found.length === photos.length
      ? `${photos.length} photos` : `${found.length} of ${photos.length} photos`;
    at("page").textContent = `page ${state.page + 1} of ${num}`;
    at("pages").hidden = num === 1;
    at("previous").disabled = state.page === 0;
    at("next").disabled = state.page === num - 1;
    at("sort").value = String(state.sort);
    at("reverse").setAttribute("aria-pressed", String(state.reversed));
    at("photos").replaceChildren(...(state.view === "table"
      ? [tableOf(part)] : part.map((photo, i) => articleOf(photo, first + i))));
  }

  const textOf = (photo) => columns
    .map((column, i) => `${column.title} ${shown(photo.values[i], column)}`).join(", ");

  function describe(photo) {
    const parts = [made("p", { className: "soft", textContent: textOf(photo) })];
    if (photo.marks.length) {
      parts.push(made("p", { className: "mark", textContent: photo.marks.join(", ") }));
    }
    if (photo.note) parts.push(made("p", { className: "soft", textContent: photo.note }));
    return parts;
  }

  const picturesOf = (photo) => Object.entries(captions)
    .filter(([what]) => photo.pictures[what])
    .map(([what, caption]) => made("span", {},
      made("img", {
        src: `pictures/${photo.pictures[what]}`, alt: caption, loading: "lazy", decoding: "async",
        className: what.startsWith("spot") ? "pixels" : "",
      }),
      made("span", { className: "caption", textContent: caption })));

  function articleOf(photo, index) {
    const article = made("article", {}, made("h3", { textContent: photo.name }), ...describe(photo));
    const pictures = picturesOf(photo);
    if (pictures.length) {
      const button = made("button", { type: "button", className: "enlarge" },
        made("span", { className: "pictures" }, ...pictures));
      button.setAttribute("aria-label", `enlarge ${photo.name}`);
      button.addEventListener("click", () => enlarge(index));
      article.append(button);
    }
    return article;
  }

  function tableOf(part) {
    const head = made("tr", {}, headOf("photo", columns.length),
      ...columns.map((column, i) => headOf(column.title, i, "number")), made("th"));
    const rows = part.map((photo) => made("tr", {},
      made("td", { textContent: photo.name }),
      ...columns.map((column, i) =>
        made("td", { className: "number", textContent: shown(photo.values[i], column) })),
      made("td", { className: "mark", textContent: photo.marks.join(", ") })));
    const scroll = made("div", { className: "scroll", tabIndex: 0 },
      made("table", {}, made("thead", {}, head), made("tbody", {}, ...rows)));
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "photos");
    return scroll;
  }

  function headOf(title, index, className = "") {
    const button = made("button", { type: "button", textContent: title });
    const cell = made("th", { className, scope: "col" }, button);
    if (index === state.sort) {
      const isLow = index === columns.length || columns[index].first === "low";
      cell.setAttribute("aria-sort", isLow !== state.reversed ? "ascending" : "descending");
    }
    button.addEventListener("click", () => {
      const again = state.sort === index;
      Object.assign(state, { sort: index, reversed: again && !state.reversed, page: 0 });
      update();
      at("photos").querySelectorAll("th button")[index === columns.length ? 0 : index + 1].focus();
    });
    return cell;
  }

  let enlarged = 0;
  function enlarge(index) {
    enlarged = Math.min(Math.max(index, 0), found.length - 1);
    const photo = found[enlarged];
    const close = made("button", { type: "button", textContent: "Close" });
    close.addEventListener("click", () => at("large").close());
    at("large").replaceChildren(
      close, made("h3", { id: "large-name", textContent: photo.name }), ...describe(photo),
      made("div", { className: "pictures" }, ...picturesOf(photo)));
    if (!at("large").open) at("large").showModal();
    close.focus();
  }

  function turn(by) {
    state.page += by;
    update();
    at("gallery").scrollIntoView();
  }

  const option = (value, textContent) => made("option", { value: String(value), textContent });
  at("sort").append(...columns.map((column, i) => option(i, column.title)), option(columns.length, "name"));
  const marks = [...new Set(photos.flatMap((photo) => photo.marks))].sort();
  at("filter").parentElement.hidden = marks.length === 0;
  at("filter").append(option("", "all"), ...marks.map((mark) => option(mark, mark)));
  const on = (id, kind, change) => at(id).addEventListener(kind, () => { change(at(id)); update(); });
  on("search", "input", (node) => Object.assign(state, { search: node.value, page: 0 }));
  on("sort", "change", (node) => Object.assign(state, { sort: Number(node.value), page: 0 }));
  on("filter", "change", (node) => Object.assign(state, { filter: node.value, page: 0 }));
  on("view", "change", (node) => Object.assign(state, { view: node.value, page: 0 }));
  on("reverse", "click", () => Object.assign(state, { reversed: !state.reversed, page: 0 }));
  at("previous").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (at("large").open) {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) enlarge(enlarged + step);
      return;
    }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "/") { event.preventDefault(); at("search").focus(); }
    if (event.key === "n" && !at("next").disabled) turn(1);
    if (event.key === "p" && !at("previous").disabled) turn(-1);
  });
  at("controls").hidden = false;
  at("keys").hidden = false;
  update();
})();
