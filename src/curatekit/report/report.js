// Sorts and filters tables, filters cards, and filters, searches and zooms the map. The page can be read without it.
"use strict";

const make = (name, text, more) => Object.assign(document.createElement(name), { textContent: text }, more);

function tools(before, ...parts) {
  const box = make("div", "", { className: "tools" });
  box.append(...parts);
  before.before(box);
  return box;
}

function search(what, found) {
  const told = make("span", "", { role: "status" });
  const field = make("input", "", { type: "search", placeholder: what, ariaLabel: what });
  field.addEventListener("input", () => {
    const n = found(field.value.trim().toLowerCase());
    told.textContent = field.value === "" ? "" : n + " found";
  });
  return [field, told];
}

function hideBut(parts, word) {
  let n = 0;
  for (const part of parts) {
    const has = part.textContent.toLowerCase().includes(word);
    part.classList.toggle("gone", !has);
    n += has;
  }
  return n;
}

function value(cell) {
  const text = cell.textContent;
  return cell.classList.contains("number") ? Number(text.replace(/,/g, "").replace("−", "-")) : text;
}

function order(a, b) {
  if (typeof a === "string") return a.localeCompare(b);
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
  return Number.isNaN(b) ? -1 : a - b;
}

function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = make("button", head.textContent, { type: "button" });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      for (const other of heads) other.ariaSort = null;
      head.ariaSort = up ? "ascending" : "descending";
      const rows = [...body.rows].map((row) => [value(row.cells[column]), row]);
      rows.sort(([a], [b]) => (up ? order(a, b) : order(b, a)));
      body.append(...rows.map(([, row]) => row));
    });
  });
}

for (const table of document.querySelectorAll("table:not(.matrix)")) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length > 2) sortable(table);
  if (rows.length > 12) tools(table.parentElement, ...search("filter these rows", (word) => hideBut(rows, word)));
}

for (const cards of document.querySelectorAll(".cards")) {
  const all = [...cards.querySelectorAll("article")];
  if (all.length > 2) tools(all[0], ...search("filter by label or text", (word) => hideBut(all, word)));
}

function mapped(plane) {
  const frame = plane.parentElement;
  const points = [...plane.children];
  const whole = frame.getAttribute("viewBox").split(" ").map(Number);
  let [x, y, w, h] = whole;
  const draw = () => {
    frame.setAttribute("viewBox", [x, y, w, h].join(" "));
    const scale = w / whole[2];
    for (const point of points) point.setAttribute("r", (point.dataset.r * scale ** 0.75).toFixed(2));
  };
  for (const point of points) point.dataset.r = point.getAttribute("r");
  const zoom = (by, cx = x + w / 2, cy = y + h / 2) => {
    const to = Math.min(1, Math.max(0.02, (w / whole[2]) * by));
    const k = (to * whole[2]) / w;
    w *= k;
    h *= k;
    x = Math.min(whole[0] + whole[2] - w, Math.max(whole[0], cx - (cx - x) * k));
    y = Math.min(whole[1] + whole[3] - h, Math.max(whole[1], cy - (cy - y) * k));
    draw();
  };
  const move = (dx, dy) => {
    x = Math.min(whole[0] + whole[2] - w, Math.max(whole[0], x + dx));
    y = Math.min(whole[1] + whole[3] - h, Math.max(whole[1], y + dy));
    draw();
  };
  const at = (event) => {
    const box = frame.getBoundingClientRect();
    return [x + ((event.clientX - box.left) / box.width) * w, y + ((event.clientY - box.top) / box.height) * h];
  };
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, ...at(event));
  }, { passive: false });
  let from = null;
  frame.addEventListener("pointerdown", (event) => {
    from = at(event);
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const now = at(event);
    move(from[0] - now[0], from[1] - now[1]);
  });
  frame.addEventListener("pointerup", () => { from = null; });
  const shown = new Set();
  let word = "";
  const filter = () => {
    let n = 0;
    for (const point of points) {
      const has = shown.has(point.dataset.series) ? point.textContent.toLowerCase().includes(word) : false;
      point.classList.toggle("gone", !has);
      n += has;
    }
    return n;
  };
  const figure = frame.closest("figure");
  const buttons = [["+", 0.6, "zoom in"], ["−", 1.7, "zoom out"], ["all", 1000, "show the whole map"]].map(([text, by, name]) => {
    const button = make("button", text, { type: "button", ariaLabel: name });
    button.addEventListener("click", () => zoom(by));
    return button;
  });
  const classes = [...figure.querySelectorAll("[data-legend]")].map((entry) => {
    const series = entry.dataset.legend;
    shown.add(series);
    const button = make("button", entry.querySelector("text").textContent, { type: "button", ariaPressed: "true" });
    button.addEventListener("click", () => {
      if (shown.has(series)) shown.delete(series);
      else shown.add(series);
      button.ariaPressed = String(shown.has(series));
      filter();
    });
    return button;
  });
  figure.addEventListener("keydown", (event) => {
    const steps = { "+": () => zoom(0.6), "-": () => zoom(1.7), ArrowLeft: () => move(-w / 8, 0), ArrowRight: () => move(w / 8, 0),
      ArrowUp: () => move(0, -h / 8), ArrowDown: () => move(0, h / 8) };
    if (event.key in steps) {
      if (w !== whole[2] || event.key === "+") event.preventDefault();
      steps[event.key]();
    }
  });
  tools(figure, ...buttons, ...classes, ...search("search the points", (typed) => { word = typed; return filter(); }));
}

for (const plane of document.querySelectorAll(".plane")) mapped(plane);
