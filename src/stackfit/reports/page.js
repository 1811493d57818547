"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement, table = document.getElementById("table"), tip = document.getElementById("tip");
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Columns as they are, or coded: values of another column, or texts that begin like the one before.
  const plain = [];
  function column(place) {
    if (plain[place]) return plain[place];
    const coded = data.columns[place];
    let values = coded;
    if (coded.of !== undefined) { const from = column(coded.of); values = coded.at.map((number) => from[number]); }
    if (coded.front) {
      values = [];
      for (let at = 0, before = [""]; at < coded.front.length; at += 2) {
        before = [...before.slice(0, coded.front[at]), ...coded.front[at + 1]];
        values.push(before.join(""));
      }
    }
    return (plain[place] = values);
  }
  const columnsOf = (places) => Object.fromEntries(Object.entries(places).map(([name, place]) => [name, column(place)]));
  const element = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  // Rows of columns, for Vega; once a page.
  const made = new Map();
  function rowsOf(places) {
    const key = JSON.stringify(places);
    if (!made.has(key)) {
      const columns = columnsOf(places), names = Object.keys(columns), length = names.length ? columns[names[0]].length : 0;
      const rows = new Array(length);
      for (let at = 0; at < length; at++) {
        const row = {};
        for (const name of names) row[name] = columns[name][at];
        rows[at] = row;
      }
      made.set(key, rows);
    }
    return made.get(key).map((row) => ({ ...row }));
  }

  // Light and dark.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const mode = () => root.dataset.mode || (dark.matches ? "dark" : "light");

  // Charts: drawn when they come into view, drawn again in other colours.
  const drawn = new Map(); // place on the page: its view and what it was made of
  let chosen = null; // the numbers of the runs that filter and charts leave, or null for all

  function draw(place, spec, rows) {
    const { config, signals } = data.themes[mode()];
    const view = new vega.View(vega.parse(spec, config, { ast: true }), {
      renderer: "canvas", container: place, hover: true, expr: vega.expressionInterpreter, logLevel: 1,
    });
    view.tooltip(showTip);
    for (const [name, value] of Object.entries({ ...signals, room: Math.min(420, 0.5 * place.clientWidth) })) setIf(view, name, value);
    for (const [name, values] of Object.entries(rows)) view.data(name, values);
    const has = hasSignal(view, "brush");
    if (has) {
      let wait;
      view.addSignalListener("brush", (_, value) => { clearTimeout(wait); wait = setTimeout(() => brushed(place, rows, value), 60); });
    }
    place.setAttribute("role", "img");
    drawn.set(place, { view, spec, rows });
    pick(view);
    return view.runAsync().then(() => { place.dataset.drawn = ""; });
  }

  const hasSignal = (view, name) => { try { view.signal(name); return true; } catch { return false; } };
  const setIf = (view, name, value) => { if (hasSignal(view, name)) view.signal(name, value); };
  const pick = (view) => {
    setIf(view, "picked", chosen === null ? {} : Object.fromEntries([...chosen].map((number) => [number, true])));
    setIf(view, "some", chosen !== null);
  };

  function redraw() {
    for (const [place, { view, spec, rows }] of [...drawn]) {
      view.finalize();
      place.replaceChildren();
      drawn.delete(place);
      if (place.isConnected) draw(place, spec, Object.fromEntries(Object.entries(rows).map(([name, values]) => [name, values.map((row) => ({ ...row }))])));
    }
  }

  const figureOf = (place) => data.figures[place.dataset.figure];
  const undrawn = new Set(all(".chart[data-figure]"));
  function drawFigure(place) {
    seen.unobserve(place);
    if (!undrawn.delete(place)) return;
    const { spec, rows } = figureOf(place);
    draw(place, spec, Object.fromEntries(Object.entries(rows).map(([name, places]) => [name, rowsOf(places)])));
  }
  const seen = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => drawFigure(entry.target));
  }, { rootMargin: "200px" });
  undrawn.forEach((place) => seen.observe(place));
  addEventListener("beforeprint", () => [...undrawn].forEach(drawFigure));  // paper does not scroll

  function showTip(_, event, __, value) {
    if (value === null || value === undefined || value === "") { tip.hidden = true; return; }
    tip.textContent = typeof value === "object"
      ? Object.entries(value).filter(([, text]) => text !== null && text !== "null" && text !== "").map(([name, text]) => `${name}: ${text}`).join("\n")
      : String(value);
    tip.hidden = tip.textContent === "";
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
  }

  // A chart's data as a table, and the chart as a file.
  const text = (value) => (value === null || value === undefined ? "" : String(value));
  function gridOf(columns, caption) {
    const names = Object.keys(columns).filter((name) => name !== "bright" && name !== "text" && name !== "strong");
    const grid = element("table", undefined, { class: "grid" }), head = element("tr"), body = element("tbody");
    grid.append(element("caption", caption), element("thead"), body);
    grid.tHead.append(head);
    for (const name of names) head.append(element("th", name, { scope: "col" }));
    const count = names.length ? columns[names[0]].length : 0;
    for (let at = 0; at < Math.min(count, 1000); at++) {
      const row = element("tr");
      for (const name of names) row.append(element("td", name === "run" ? text(columns[name][at] + 1) : text(columns[name][at])));
      body.append(row);
    }
    const parts = [element("div", undefined, { class: "scroll tall", tabindex: "0", role: "region", "aria-label": caption })];
    parts[0].append(grid);
    if (count > 1000) parts.push(element("p", `The first 1,000 of ${count.toLocaleString("en")} rows.`, { class: "note" }));
    return parts;
  }
  all("details.rows").forEach((details) => details.addEventListener("toggle", () => {
    const place = details.lastElementChild;
    if (!details.open || place.hasChildNodes()) return;
    const caption = details.closest("figure").querySelector("figcaption").textContent;
    for (const [name, places] of Object.entries(figureOf(details).rows)) {
      const columns = columnsOf(places);
      if (Object.values(columns)[0].length) place.append(...gridOf(columns, `${caption}: ${name}`));
    }
  }));
  all("button.save").forEach((button) => button.addEventListener("click", async () => {
    const place = document.querySelector(`.chart[data-figure="${button.dataset.figure}"]`);
    if (!drawn.has(place)) return;
    const { view } = drawn.get(place);
    const image = await view.background(getComputedStyle(document.body).backgroundColor).toCanvas(2);
    view.background(null);
    const link = element("a", "", { href: image.toDataURL(), download: `${button.closest("figure").querySelector("figcaption").textContent.replace(/[^\w.-]+/g, "_").slice(0, 80)}.png` });
    link.click();
  }));

  // Commands.
  function copying(button) {
    button.addEventListener("click", async () => {
      let said = "Copied";
      try { await navigator.clipboard.writeText(button.dataset.text); } catch {
        const range = document.createRange();
        range.selectNodeContents(button.previousElementSibling);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        said = document.execCommand("copy") ? "Copied" : "Selected";
      }
      button.textContent = said;
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
  all("button.copy").forEach(copying);

  // The colours.
  const switcher = document.getElementById("mode");
  const name = () => { switcher.textContent = mode() === "dark" ? "Light" : "Dark"; switcher.setAttribute("aria-label", `Show in ${mode() === "dark" ? "light" : "dark"} colours`); };
  switcher.hidden = false;
  name();
  switcher.addEventListener("click", () => { root.dataset.mode = mode() === "dark" ? "light" : "dark"; name(); redraw(); });
  dark.addEventListener("change", () => { name(); redraw(); });

  if (!table) return;

  // The table of runs: sort, filter, columns, and what a row opens.
  const runs = data.table, body = table.tBodies[0], rows = [...body.rows], cells = columnsOf(runs.rows), commands = column(runs.commands);
  const values = runs.columns.map((column) => cells[column.key]);
  const words = rows.map((row) => row.textContent.toLowerCase());
  const opened = new Map();
  let order = rows.map((_, number) => number), brush = null, sorted = null;

  const rank = (value) => (value === null ? 2 : typeof value === "string" ? 1 : 0);
  const collator = new Intl.Collator("en", { numeric: true });
  function compare(a, b) {
    const kind = rank(a) - rank(b);
    return kind || (typeof a === "string" ? collator.compare(a, b) : a === null ? 0 : a - b);
  }

  // Only the first rows that pass are laid out, as in the file itself; more follow as the reader comes to the end.
  const STEP = 200;
  let most = STEP;
  function show() {
    let left = 0;
    for (const number of order) {
      const out = chosen !== null && !chosen.has(number), hidden = out || ++left > most;
      if (rows[number].hidden !== hidden) rows[number].hidden = hidden;
      if (out) rows[number].dataset.out = ""; else delete rows[number].dataset.out;
      if (opened.has(number)) opened.get(number).hidden = hidden;
    }
    end.hidden = left <= most;
  }
  function place() {
    const fragment = document.createDocumentFragment();
    most = STEP;
    show();
    for (const number of order) {
      fragment.append(rows[number]);
      if (opened.has(number)) fragment.append(opened.get(number));
    }
    body.append(fragment);
  }
  const scroll = table.parentElement, end = element("p", "More rows follow.", { class: "note", id: "end" });
  scroll.append(end);
  show();
  new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) { most += STEP; show(); } }, { root: scroll, rootMargin: "400px" }).observe(end);

  function sort(column) {
    const descending = sorted === column ? !sorted_down : runs.columns[column].number && values[column].some((value) => value !== null);
    sorted = column;
    sorted_down = descending;
    const own = values[column];
    order = rows.map((_, number) => number).sort((a, b) => {
      if (own[a] === null || own[b] === null) return (own[a] === null) - (own[b] === null) || a - b;
      return (descending ? -1 : 1) * compare(own[a], own[b]) || a - b;
    });
    all("thead th[data-column]", table).forEach((head) => {
      if (Number(head.dataset.column) === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    place();
  }
  let sorted_down = false;
  all("thead th[data-column]", table).forEach((head) => head.firstElementChild.addEventListener("click", () => sort(Number(head.dataset.column))));

  const filter = document.getElementById("filter"), clear = document.getElementById("clear"), count = document.getElementById("count");
  const signs = { ">": (a) => a > 0, "<": (a) => a < 0, ">=": (a) => a >= 0, "<=": (a) => a <= 0, "=": (a) => a === 0, "!=": (a) => a !== 0 };

  const partsOf = (word) => /^(.+?)(>=|<=|!=|=|>|<)(.+)$/.exec(word);
  const columnOf = (parts) => runs.columns.findIndex((column) => [column.name, column.key].some((known) => known.toLowerCase() === parts[1]));

  function testOf(word) {
    const parts = partsOf(word);
    const at = parts ? columnOf(parts) : -1;
    if (at < 0) return (number) => words[number].includes(word);
    const wanted = parts[3], number = Number(wanted), holds = signs[parts[2]];
    return (row) => {
      const value = values[at][row];
      if (value === null) return false;
      return typeof value === "number" && !Number.isNaN(number) ? holds(value - number) : holds(collator.compare(String(value).toLowerCase(), wanted));
    };
  }

  let following;
  function choose() {
    const typed = filter.value.toLowerCase().split(/\s+/).filter(Boolean), tests = typed.map(testOf);
    const found = new Set();
    rows.forEach((_, number) => {
      if ((brush === null || brush.has(number)) && tests.every((test) => test(number))) found.add(number);
    });
    const left = found.size;
    const was = chosen;
    chosen = left === rows.length ? null : found;
    most = STEP;
    show();
    count.textContent = chosen === null ? `${rows.length.toLocaleString("en")} runs` : `${left.toLocaleString("en")} of ${rows.length.toLocaleString("en")} runs`;
    const unknown = left === 0 && typed.map(partsOf).find((parts) => parts && columnOf(parts) < 0);
    if (unknown) count.textContent = `There is no column ${unknown[1]}`;
    clear.disabled = chosen === null && filter.value === "" && brush === null;
    clearTimeout(following);  // the table answers first, then the charts
    if (was !== chosen) following = setTimeout(() => { for (const { view } of drawn.values()) { pick(view); view.runAsync(); } }, 150);
  }
  let waiting;
  filter.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 30); });
  clear.addEventListener("click", () => { filter.value = ""; brush = null; clearBrushes(null); choose(); });

  // A brush over a chart of runs: its limits by field, a pair of numbers or a list of words.
  function brushed(from, sets, limits) {
    const fields = Object.entries(limits || {}), rows = sets.points || sets.costs;
    if (!rows) return;
    if (!fields.length) { if (brush !== null && brush.from === from) { brush = null; choose(); } return; }
    const inside = (value, limit) => typeof limit[0] === "number" && typeof value === "number" ? limit[0] <= value && value <= limit[1] : limit.includes(value);
    brush = new Set(rows.filter((row) => fields.every(([field, limit]) => inside(row[field], limit))).map((row) => row.run));
    brush.from = from;
    clearBrushes(from);
    choose();
  }
  function clearBrushes(but) {
    for (const [place, { view }] of drawn) {
      if (place !== but && hasSignal(view, "brush_tuple")) { view.signal("brush_tuple", null); view.data("brush_store", []); view.runAsync(); }
    }
  }

  // Columns, by rules of a style sheet: no cell is touched.
  const style = document.head.appendChild(element("style")), checks = all("#choose input");
  const hide = () => {
    style.textContent = checks.filter((check) => !check.checked).map((check) => `#table tr:not(.opened)>:nth-child(${Number(check.dataset.column) + 2}){display:none}`).join("\n");
  };
  checks.forEach((check) => check.addEventListener("change", hide));
  hide();

  function open(number, button) {
    if (opened.has(number)) {
      for (const place of all(".chart", opened.get(number))) { drawn.get(place)?.view.finalize(); drawn.delete(place); }
      opened.get(number).remove();
      opened.delete(number);
      button.setAttribute("aria-expanded", "false");
      return;
    }
    const row = element("tr", undefined, { class: "opened" }), cell = element("td", undefined, { colspan: runs.columns.length + 1 });
    row.append(cell);
    const line = element("div", undefined, { class: "command" });
    line.append(element("span", "Repeat it"), element("code", commands[number]));
    const copy = element("button", "Copy", { type: "button", "data-text": commands[number], "aria-label": `Copy the command of run ${number + 1}` });
    copying(copy);
    line.append(copy);
    const folder = element("div", undefined, { class: "command" });
    folder.append(element("span", "Folder"), element("code", cells.folder[number]));
    const reason = cells.reason?.[number];
    cell.append(line, folder);
    if (reason) cell.append(element("p", reason, { class: "said" }));
    const charts = element("div", undefined, { class: "figures" });
    cell.append(charts);
    rows[number].after(row);
    opened.set(number, row);
    button.setAttribute("aria-expanded", "true");
    const epochs = columnsOf(runs.epochs), at = [];
    epochs.run.forEach((run, place) => { if (run === number) at.push(place); });
    for (const { metric, training, validation, spec } of at.length ? runs.opened : []) {
      const read = (name, place) => (epochs[name] ? epochs[name][place] : null);
      const lines = at.flatMap((place) => [["training", training], ["validation", validation]].map(([part, name]) => ({ part, epoch: epochs.epoch[place], value: read(name, place) }))).filter((each) => each.value !== null);
      const gap = at.map((place) => ({ epoch: epochs.epoch[place], training: read(training, place), validation: read(validation, place) })).filter((each) => each.training !== null && each.validation !== null);
      const figure = element("figure"), chart = element("div", undefined, { class: "chart", role: "img", "aria-label": `${metric} of run ${number + 1} over ${at.length} epochs` });
      figure.append(element("figcaption", metric), chart);
      charts.append(figure);
      draw(chart, spec, { lines, gap });
    }
  }
  body.addEventListener("click", (event) => {
    const button = event.target.closest("button[aria-expanded]");
    if (button) open(rows.indexOf(button.closest("tr")), button);
  });
})();
