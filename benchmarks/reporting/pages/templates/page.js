// What a page adds for those who run scripts: sorting, filters, another metric, CSV, copying, links, the film.
"use strict";
document.documentElement.classList.add("js");
const data = JSON.parse(document.getElementById("data").textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const form = document.getElementById("filters");
const table = document.querySelector("table.board");

// ---- numbers, as Python writes them on the page
function number(value, digits = 3) {
  if (value === null || value === undefined) return "";
  if (value !== 0 && (Math.abs(value) >= 10 ** (digits + 3) || Math.abs(value) < 1e-4)) return value.toExponential(digits - 1);
  return String(Number(value.toPrecision(digits)));
}

// ---- the board: parts with their rows, in the order in which they were written
const parts = table ? all("tbody.part", table).map((head, i) => ({
  head, rows: all(`tbody.row[data-part="${i}"]`, table),
})) : [];
const written = new Map(); // cell -> what it said at first
const keep = (cell) => {
  if (!written.has(cell)) written.set(cell, { html: cell.innerHTML, value: cell.dataset.v });
  return written.get(cell);
};

function sortBy(key, descending) {
  const value = (row) => {
    if (key === "name") return row.dataset.name.toLowerCase();
    const cell = row.querySelector(`td.${key}`);
    return cell && cell.dataset.v !== undefined ? Number(cell.dataset.v) : null;
  };
  for (const part of parts) {
    const order = part.rows.map((row, i) => [value(row), i, row]);
    order.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return (a === null) - (b === null) || i - j; // without a number: last
      return (a < b ? -1 : a > b ? 1 : 0) * (descending ? -1 : 1) || i - j;
    });
    const block = document.createDocumentFragment();
    for (const [, , row] of order) block.append(row);
    part.head.after(block);
  }
}

if (table) all("thead button", table).forEach((button) => button.addEventListener("click", () => {
  const cell = button.closest("th");
  const first = button.dataset.sort === "prevented" || button.dataset.sort === "learns" ? "descending" : "ascending";
  const next = cell.getAttribute("aria-sort") === first ? (first === "ascending" ? "descending" : "ascending") : first;
  all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
  cell.setAttribute("aria-sort", next);
  sortBy(button.dataset.sort, next === "descending");
}));

// What a row rests on is kept aside until somebody opens it: a table with little in it moves fast.
for (const evidence of all("tbody.row > .evidence")) {
  const row = evidence.parentElement, details = row.querySelector("details");
  const show = () => { if (details.open) row.append(evidence); else evidence.remove(); };
  details.addEventListener("toggle", show);
  show();
}

// ---- which methods are drawn
const boxes = all(".legend input");

function draw() {
  const hidden = boxes.filter((box) => !box.checked).map((box) => `.curves [data-m="${box.id.slice(1)}"]`);
  document.getElementById("undrawn").textContent = hidden.length ? `${hidden.join(",")}{display:none}` : "";
}

boxes.forEach((box) => box.addEventListener("change", draw));

// ---- filters
const wanted = () => Object.fromEntries(new FormData(form));

function filter() {
  const want = wanted();
  let shown = 0, total = 0;
  for (const { head, rows } of parts) {
    const { loop, side } = head.dataset;
    const open = (!want.loop || want.loop === loop) && (!want.side || want.side === side);
    let here = 0;
    for (const row of rows) {
      const cost = row.querySelector("td.evaluations"), real = row.querySelector("td.real");
      const fits = open
        && (!want.method || row.dataset.name.toLowerCase().includes(want.method.toLowerCase()))
        && (!want.cost || !cost || cost.dataset.v === undefined || Number(cost.dataset.v) <= Number(want.cost))
        && (!want.noreal || !real || Number(real.dataset.v || 0) === 0);
      row.hidden = !fits;
      here += fits;
    }
    head.hidden = !here;
    shown += here;
    total += rows.length;
  }
  for (const figure of all("figure[data-loop]")) {
    const { loop, side, metric } = figure.dataset;
    const other = want.metric && data.metrics[want.metric].side === side;
    const chosen = metric === undefined || (other ? metric === want.metric : "headline" in figure.dataset);
    figure.hidden = !(chosen && (!want.loop || want.loop === loop) && (!want.side || want.side === "both" || !side || want.side === side));
  }
  const films = all(".film[data-loop]");
  for (const film of films) {
    const { loop, side } = film.dataset;
    film.hidden = !((!want.loop || want.loop === loop) && (!want.side || want.side === "both" || want.side === side));
  }
  const first = films.find((film) => !film.hidden);
  if (first && !films.some((film) => film.open && !film.hidden)) first.open = true;
  document.getElementById("count").textContent = `${shown} of ${total} rows`;
}

// ---- another metric than the headline
const place = (share) => `${Math.min(Math.max((share + 0.5) / 2, 0), 1) * 100}%`;

function dot(value, low, high) {
  const ends = low === null ? ["0%", "100%"] : [place(low), place(high)];
  const text = `${value.toFixed(2)} [${low === null ? "unbounded" : `${low.toFixed(2)}, ${high.toFixed(2)}`}]`;
  const side = value < -0.5 ? " under" : value > 1.5 ? " over" : "";
  return `<i class="dot${side}" style="--v:${side ? "-20%" : place(value)};--l:${ends[0]};--h:${ends[1]}"></i><span>${text}</span>`;
}

const columns = ["prevented", "rank", "start", "end", "worse"]; // that another metric has numbers for

function choose(metric) {
  for (const [cell, before] of written) { // everything as it was written
    cell.innerHTML = before.html;
    if (before.value === undefined) delete cell.dataset.v; else cell.dataset.v = before.value;
  }
  written.clear();
  if (!metric) return;
  const chosen = data.metrics[metric];
  for (const { head, rows } of parts.filter((part) => part.head.dataset.side === chosen.side)) {
    const title = head.querySelector(".title");
    keep(title);
    title.textContent = `${head.dataset.loop}: ${head.dataset.side}, ${chosen.label} (ranks are of the headline alone)`;
    for (const row of rows) {
      const [start, end, worse, sd, share, low, high] = chosen.rows[row.dataset.key] || [];
      const values = { prevented: share, start, end, worse };
      for (const name of columns) {
        const cell = row.querySelector(`td.${name}`), value = values[name];
        keep(cell);
        if (value === undefined || value === null) { cell.textContent = ""; delete cell.dataset.v; continue; }
        cell.dataset.v = value;
        if (name === "prevented") cell.innerHTML = dot(share, low, high);
        else cell.textContent = number(value) + (name === "worse" && sd !== null ? ` ± ${number(sd, 2)}` : "");
      }
    }
  }
}

// ---- CSV of what is shown, in the order in which it is shown
function csv() {
  const rows = all("tbody.row", table).filter((row) => !row.hidden).map((row) => data.lines[row.dataset.key]);
  return [data.csv, ...rows.filter((line) => line !== undefined)].join("\n") + "\n";
}

function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea"); // where a page from disk may not use the clipboard
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const before = button.textContent;
  button.textContent = "copied";
  setTimeout(() => { button.textContent = before; }, 1200);
}

document.addEventListener("click", ({ target }) => {
  if (target.matches("button.copy")) copy(target.parentElement.querySelector("code").textContent, target);
});

// ---- links: #scenario=...&side=...&metric=...&method=...
function remember() {
  const want = wanted(), words = [];
  for (const [key, name] of [["loop", "scenario"], ["side", "side"], ["metric", "metric"]]) {
    if (want[key]) words.push(`${name}=${encodeURIComponent(want[key])}`);
  }
  history.replaceState(null, "", words.length ? `#${words.join("&")}` : location.pathname + location.search);
}

function show(method) {
  const named = all("tbody.row").filter((row) => row.dataset.method === method || row.dataset.name === method);
  all("tbody.row.found").forEach((row) => row.classList.remove("found"));
  for (const row of named) {
    row.classList.add("found");
    const details = row.querySelector("details");
    if (details) details.open = true;
  }
  const box = boxes.find((input) => input.dataset.name === method);
  if (box) { box.checked = true; draw(); }
  const first = named.find((row) => !row.hidden);
  if (first) first.scrollIntoView({ block: "center" });
}

function follow() {
  const found = {};
  for (const word of decodeURIComponent(location.hash.slice(1)).split("&")) {
    const cut = word.indexOf("=");
    if (cut > 0) found[word.slice(0, cut)] = word.slice(cut + 1);
  }
  if (form) {
    if (Object.keys(found).length) for (const field of form.elements) { // a link says all of what is chosen
      if (field.type === "checkbox") field.checked = false;
      else if (field.type !== "button" && field.type !== "reset") field.value = "";
    }
    const names = { scenario: "loop", side: "side", metric: "metric" };
    for (const [word, name] of Object.entries(names)) if (word in found) form.elements[name].value = found[word];
    update();
  }
  if (found.method) show(found.method);
}

function update() { choose(wanted().metric); filter(); }

if (form) {
  form.addEventListener("input", (event) => {
    if (event.target.name === "metric") choose(wanted().metric);
    filter();
    remember();
  });
  form.addEventListener("reset", () => setTimeout(() => {
    all("thead th", table).forEach((cell) => cell.removeAttribute("aria-sort"));
    for (const { head, rows } of parts) head.after(...rows);
    update();
    remember();
  }));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("csv").addEventListener("click", () => download(`${data.title}.csv`, csv()));
  document.getElementById("copycsv").addEventListener("click", (event) => copy(csv(), event.target));
  document.addEventListener("click", (event) => {
    const mark = event.target.closest(".figure [data-m]");
    if (mark) show(document.getElementById(`m${mark.dataset.m}`)?.dataset.name);
  });
  addEventListener("hashchange", follow);
  follow();
}

// ---- the film: one slider for all tiles of a row of the board
for (const film of all(".film[data-steps]")) {
  const slider = film.querySelector("input[type=range]"), play = film.querySelector("button.play");
  if (!slider) continue;
  const steps = JSON.parse(film.dataset.steps), output = film.querySelector("output");
  const draw = () => {
    const step = Number(slider.value);
    for (const tile of all(".tile", film)) tile.style.backgroundPositionY = `${steps.length > 1 ? (step / (steps.length - 1)) * 100 : 0}%`;
    output.textContent = steps[step];
    slider.setAttribute("aria-valuetext", steps[step]);
  };
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "play"; };
  slider.addEventListener("input", () => { stop(); draw(); });
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    if (Number(slider.value) === steps.length - 1) slider.value = 0;
    draw();
    play.textContent = "pause";
    timer = setInterval(() => {
      if (Number(slider.value) === steps.length - 1) { stop(); return; }
      slider.value = Number(slider.value) + 1;
      draw();
    }, 700);
  });
  draw();
}
