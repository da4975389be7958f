// What is shown and what the reader does: one state, which all handlers change and `update` draws.
const state = {
  overlay: "values", step: 0, folded: new Set(graph.folded.filter((x) => foldable[x])),
  selected: -1, focus: -1, matches: null, match: -1,
};
let now = arrange(state.folded);
const shown = new Map(); // elements of visible items
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const frames = s("g", { "aria-hidden": "true" }), ways = s("g", { "aria-hidden": "true" });
const items = s("g", { role: "tree", "aria-label": "Cards and scopes of the graph" });
drawing.append(s("defs", {}, ["plain", "parameter", "input", "gradient", "bad", "low"].map((name) =>
  s("marker", { id: `tip-${name}`, class: name, viewBox: "0 0 9 9", refX: 8, refY: 4.5, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" },
    s("path", { d: "M0 .7L9 4.5L0 8.3z" })))), frames, ways, items);

// ---- Drawing

function readingOrder() { // visible items row by row: the title of a scope comes before what is in it
  const rows = [...[...now.boxes].map(([item, [x, y, , h]]) => [Math.round((y + h / 2) / 8), x, item]),
    ...[...now.frames].map(([x, [left, top]]) => [Math.round(top / 8), left, inner + x])];
  return rows.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]).map((row) => row[2]);
}

function spoken(item) {
  if (now.frames.has(item - inner)) return `${titleOf(item)} ${noteOf(item)}`.trim();
  const card = cardOf(item), found = (card.findings || []).map(([level, words]) => `${LEVELS[level]}: ${words}`);
  return [titleOf(item), noteOf(item), item < inner ? card.sig : plural(card.count || 0, "step"),
    item < inner ? KINDS[card.kind] : "folded", card.value, ...found].filter(Boolean).join(", ");
}

function build() { // makes all elements for what is visible, and keeps those that were
  now = arrange(state.folded);
  const order = readingOrder(), [x, y, w, h] = now.bounds;
  put(drawing, { width: w + 80, height: h + 80, viewBox: `${x - 40} ${y - 40} ${w + 80} ${h + 80}` }, []);
  drawing.style.left = `${x - 40}px`;
  drawing.style.top = `${y - 40}px`;
  for (const [item, made] of shown) {
    if (!(now.boxes.has(item) ? made.box : now.frames.has(item - inner) && !made.box)) {
      made.g.remove();
      shown.delete(item);
    }
  }
  for (const item of order) {
    if (!shown.has(item)) shown.set(item, now.boxes.has(item) ? cardItem(item) : titleItem(item));
    const made = shown.get(item), at = now.boxes.get(item) || now.frames.get(item - inner);
    made.g.style.transform = `translate(${fixed(at[0])}px, ${fixed(at[1])}px)`;
    if (!made.box) fitTitle(made, item, at);
  }
  items.replaceChildren(...order.map((item) => shown.get(item).g));
  frames.replaceChildren(...[...now.frames].map(([x, [left, top, w, h]]) =>
    s("rect", { class: `frame depth${pathOf(inner + x).length % 2}`, x: fixed(left), y: fixed(top), width: fixed(w), height: fixed(h), rx: 14 })));
  ways.replaceChildren(...now.links.map((link) => {
    link.path = s("path", { d: rounded(link.way), "stroke-width": Math.max(...link.edges.map((e) => edges[e].width)) });
    return link.path;
  }));
  if (!shown.has(state.focus)) state.focus = order.length ? order[0] : -1;
  $("fold").disabled = !scopes.some((_, x) => foldable[x] && !state.folded.has(x));
  $("unfold").disabled = !state.folded.size;
}

function cardItem(item) {
  const box = now.boxes.get(item), rest = { width: box[2], height: box[3], rx: 10 };
  const g = s("g", { class: "item", role: "treeitem", "data-item": item, "aria-level": pathOf(item).length + 1, "aria-expanded": item >= inner ? "false" : undefined, "aria-label": spoken(item) },
    s("title", {}, spoken(item)), s("rect", { class: "ring", x: -4, y: -4, width: box[2] + 8, height: box[3] + 8, rx: 13 }), s("rect", { class: `face ${toneOf(item)} ${worst(cardOf(item))}`, ...rest }));
  return { g, box, key: "" };
}

function titleItem(item) {
  const scope = scopes[item - inner];
  const g = s("g", { class: `item title depth${pathOf(item).length % 2} ${foldable[item - inner] ? "" : "fast"}`, role: "treeitem", "data-item": item, "aria-level": pathOf(item).length + 1, "aria-expanded": "true", "aria-label": spoken(item) },
    s("rect", { class: "ring", x: 6, y: 5, height: 24, rx: 7 }),
    foldable[item - inner] ? s("path", { class: "chevron", d: "M14 14l4.5 5l4.5 -5" }) : null);
  return { g, scope, room: -1 };
}

function fitTitle(made, item, frame) {
  if (made.room === frame[2]) return;
  made.room = frame[2];
  made.g.querySelectorAll("text").forEach((text) => text.remove());
  const from = foldable[item - inner] ? 29 : 14, room = frame[2] - from - 14, title = fitted(titleOf(item), "scope", room);
  const used = widthOf(title, "scope"), rest = room - used - 8, note = rest > 30 ? fitted(noteOf(item), "small", rest) : "";
  made.g.append(s("text", { class: "t-scope plain", x: from, y: 21.5 }, title));
  if (note) made.g.append(s("text", { class: "t-small soft", x: fixed(from + used + 8), y: 21 }, note));
  made.g.firstChild.setAttribute("width", fixed(from + used + (note ? 8 + widthOf(note, "small") : 0) + 2));
}

function update() { // brings everything up to the state
  const current = state.step ? now.standing.card[steps[state.step - 1]] : -1;
  const matching = state.matches && new Set(state.matches.map((item) => (item >= inner ? item : now.standing.card[item])));
  const aim = state.matches && state.match >= 0 ? standIn(state.matches[state.match]) : -1;
  for (const [item, made] of shown) {
    const names = ["item", made.box ? "" : `title depth${pathOf(item).length % 2} ${foldable[item - inner] ? "" : "fast"}`, item === current && "current", item === state.selected && "selected",
      matching && (matching.has(item) ? "match" : "dim"), item === aim && "aim",
      state.overlay === "health" && made.box && !["bad", "low"].includes(worst(cardOf(item))) && toneOf(item) !== "loss" && "well"];
    change(made.g, "class", names.filter(Boolean).join(" "));
    change(made.g, "tabindex", item === state.focus ? "0" : "-1");
    change(made.g, "aria-selected", String(item === state.selected));
  }
  paint();
  now.links.forEach((link) => {
    const dim = matching && !matching.has(link.from) && !matching.has(link.to);
    change(link.path, "class", linkClass(link, state) + (dim ? " dim" : ""));
  });
  $("slider").value = state.step;
  const telling = !steps.length ? ["no backward pass", "nothing here requires a gradient"] : state.step
    ? [`step ${state.step} / ${steps.length}`, pullsBack(steps[state.step - 1])] : ["overview", `${plural(steps.length, "step")} back from ${called(root)}: press → to follow them`];
  $("count").textContent = telling[0];
  $("pulls").textContent = telling[1];
  $("slider").setAttribute("aria-valuetext", telling.join(": "));
  $("previous").disabled = !state.step;
  $("next").disabled = state.step >= steps.length;
  legend();
  inspect();
}

function change(element, name, value) { // a browser looks at what is set, even if it was so before
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function paint(all = false) { // what cards say is drawn when they come into sight, large enough to tell anything
  const { clientWidth, clientHeight } = canvas, air = 300;
  if (view.k < 0.12 && !all) return;
  for (const [item, made] of shown) {
    if (!made.box) continue;
    const [x, y, w, h] = now.boxes.get(item), left = x * view.k + view.x, top = y * view.k + view.y;
    const near = left < clientWidth + air && left + w * view.k > -air && top < clientHeight + air && top + h * view.k > -air;
    const key = near || all ? faceKey(item, state) : made.key;
    if (key === made.key) continue;
    made.key = key;
    const before = made.g.querySelector(".inside");
    if (before) before.remove();
    made.g.append(face(item, state, made.box));
  }
}

let painting = 0;
function paintSoon() { // once for all changes until the next frame
  if (!painting) painting = requestAnimationFrame(() => { painting = 0; paint(); });
}

function inspect() {
  const item = state.selected >= 0 ? state.selected : state.step ? steps[state.step - 1] : -1;
  const key = [item, state.step && item >= 0 ? gradientOf(item, state.step) + arrivedOf(item, state.step) : "", state.selected >= 0, document.documentElement.dataset.theme].join();
  if (panel.dataset.key === key) return;
  panel.dataset.key = key;
  panel.replaceChildren(...(item < 0 ? aboutGraph() : item >= inner && !foldable[item - inner] ? aboutScope(item) : aboutItem(item)).filter(Boolean));
  panel.scrollTop = 0;
}

function aboutScope(item) { // a scope that is no card
  return [h("h2", {}, titleOf(item)), h("p", { class: "facts" }, plural(members[item - inner].length, "card")),
    missing("It cannot be folded: a path leaves it and comes back.")];
}

function legend() {
  const swatch = (tone, words) => h("span", {}, h("i", { class: `swatch ${tone}` }), words);
  $("legend").replaceChildren(...{
    values: [swatch("value", "values"), swatch("gradient", "gradient"), swatch("line", "wider: more bytes")],
    gradients: [swatch("gradient", "gradient, coming back"), swatch("value", "values"), swatch("line dashed", "no gradient this way")],
    cost: [swatch("flops", "FLOPs"), swatch("memory", "bytes"), h("span", {}, "both on a log scale")],
    health: [swatch("bad", "serious"), swatch("low", "mild"), h("span", {}, "else nothing was found")],
  }[state.overlay]);
}

function say(words) {
  $("says").textContent = words;
}

// ---- What one can do

function standIn(item) { // what stands for an item that may be within a folded scope
  if (item < inner) return now.standing.card[item];
  const outer = now.standing.scope[item - inner];
  return outer < 0 ? item : inner + outer;
}

function refold(change, anchor = -1) { // folds or unfolds, with what was clicked staying where it is
  const place = (item) => (now.boxes.get(item) || now.frames.get(item - inner) || [0, 0]);
  const before = place(anchor);
  change();
  build();
  if (state.selected >= 0) state.selected = standIn(state.selected);
  const after = place(anchor);
  if (anchor >= 0) pan((before[0] - after[0]) * view.k, (before[1] - after[1]) * view.k);
  update();
}

function toggle(x) {
  if (!foldable[x]) return say(`${scopes[x].title} cannot be folded: a path leaves it and comes back`);
  const item = inner + x, held = document.activeElement && document.activeElement.dataset && document.activeElement.dataset.item;
  refold(() => (state.folded.has(x) ? state.folded.delete(x) : state.folded.add(x)), item);
  state.focus = item;
  update();
  if (held !== undefined) focusOn(item);
  say(`${scopes[x].title} ${state.folded.has(x) ? "folded" : "unfolded"}`);
}

function open(item) { // unfolds what hides an item
  const around = pathOf(item).filter((x) => state.folded.has(x));
  if (around.length) refold(() => around.forEach((x) => state.folded.delete(x)));
}

function select(item, move = false) {
  if (item >= 0) open(item);
  state.selected = item;
  if (item >= 0) state.focus = item;
  if (move) reveal(item);
  if (item >= 0) sheet(true);
  update();
}

function go(step) {
  const next = Math.min(Math.max(step, 0), steps.length);
  if (next === state.step) return;
  state.step = next;
  state.selected = -1;
  if (next && state.overlay !== "gradients") setOverlay("gradients");
  if (next) reveal(now.standing.card[steps[next - 1]]);
  update();
  say(next ? `Step ${next} of ${steps.length}: ${pullsBack(steps[next - 1])}` : "Overview");
}

function setOverlay(name) {
  state.overlay = name;
  document.querySelector(`#overlays input[value=${name}]`).checked = true;
  canvas.dataset.overlay = name;
}

const haystacks = [...cards.map((card) => [card.title, card.name, card.note, card.sig, ...(card.line ? [`${card.line[0]}:${card.line[1]}`, card.line[2]] : [])]),
  ...scopes.map((scope) => [scope.title, scope.note])].map((words) => words.filter(Boolean).join("\n").toLowerCase());

function find(words) {
  const wanted = words.trim().toLowerCase();
  state.matches = wanted ? haystacks.flatMap((text, item) => (text.includes(wanted) ? [item] : [])) : null;
  state.match = -1;
  $("found").textContent = state.matches ? `${state.matches.length} found` : "";
  say(state.matches ? `${plural(state.matches.length, "match").replace("matchs", "matches")}` : "");
  update();
}

function nextMatch(by) {
  if (!state.matches || !state.matches.length) return;
  const n = state.matches.length;
  state.match = state.match < 0 ? (by > 0 ? 0 : n - 1) : (state.match + by + n) % n;
  const item = state.matches[state.match];
  select(item, true);
  $("found").textContent = `${state.match + 1} of ${n}`;
  say(`${state.match + 1} of ${n}: ${spoken(item)}`);
}

function focusOn(item) {
  state.focus = item;
  for (const [other, made] of shown) made.g.setAttribute("tabindex", other === item ? "0" : "-1");
  shown.get(item).g.focus({ preventScroll: true });
}

function sheet(open) { // on a narrow page the panel is a sheet at the bottom
  document.body.classList.toggle("details", open);
  $("handle").setAttribute("aria-expanded", String(open));
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").setAttribute("aria-pressed", String(name === "dark"));
}

// ---- Events

const itemOf = (event) => { const g = event.target.closest("[data-item]"); return g ? Number(g.dataset.item) : -1; };

canvas.addEventListener("click", (event) => {
  if (dragged || event.target.closest("button")) return;
  const item = itemOf(event);
  if (item < 0) return select(-1);
  const title = event.target.closest(".title, .chevron, .name");
  state.focus = item;
  if (item >= inner && title) return toggle(item - inner);
  return select(item === state.selected ? -1 : item);
});
canvas.addEventListener("mousedown", (event) => { // a click takes the focus from the search, and gives it to nothing
  if (event.target.closest("button")) return;
  event.preventDefault();
  if (document.activeElement) document.activeElement.blur();
});
canvas.addEventListener("focusin", (event) => {
  const item = itemOf(event);
  if (item >= 0 && event.target.matches(":focus-visible")) reveal(item);
});
addEventListener("keydown", (event) => {
  const at = event.target, typing = at.matches("input[type=search]"), choosing = at.matches("input");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const does = typing ? {
    Enter: () => nextMatch(event.shiftKey ? -1 : 1),
    Escape: () => { at.value = ""; find(""); at.blur(); },
  }[event.key] : keys(event, at, choosing)[event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

function keys(event, at, choosing) {
  const item = at.closest && at.closest("[data-item]") ? Number(at.dataset.item) : -1;
  const order = [...shown.keys()].length ? [...items.children].map((g) => Number(g.dataset.item)) : [];
  const along = (by) => { const next = order[order.indexOf(item) + by]; if (next !== undefined) { focusOn(next); reveal(next); } };
  const act = () => (item >= inner ? toggle(item - inner) : select(item === state.selected ? -1 : item));
  const made = {
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => fit(),
    "/": () => $("find").focus(), Escape: () => (state.selected >= 0 ? select(-1) : go(0)),
  };
  if (choosing) return made; // a slider or a choice uses the arrows itself
  Object.assign(made, { ArrowRight: () => go(state.step + 1), ArrowLeft: () => go(state.step - 1), Home: () => go(0), End: () => go(steps.length) });
  if (item >= 0) Object.assign(made, { ArrowDown: () => along(1), ArrowUp: () => along(-1), Enter: act, " ": act });
  if (at === canvas) {
    Object.assign(made, { ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60) });
    if (!state.step) Object.assign(made, { ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0) });
  }
  return made;
}

$("previous").addEventListener("click", () => go(state.step - 1));
$("next").addEventListener("click", () => go(state.step + 1));
$("slider").addEventListener("input", (event) => go(Number(event.target.value)));
$("fold").addEventListener("click", () => { refold(() => scopes.forEach((_, x) => foldable[x] && state.folded.add(x))); fit(0.5); say("All scopes folded"); });
$("unfold").addEventListener("click", () => { refold(() => state.folded.clear()); fit(0.5); say("All scopes unfolded"); });
$("closer").addEventListener("click", () => zoom(1.25));
$("farther").addEventListener("click", () => zoom(0.8));
$("fit").addEventListener("click", () => fit());
$("find").addEventListener("input", (event) => find(event.target.value));
$("handle").addEventListener("click", () => sheet(!document.body.classList.contains("details")));
$("theme").addEventListener("click", () => { theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"); update(); });
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => { theme(dark.matches ? "dark" : "light"); update(); });
new ResizeObserver(keepView).observe(canvas);
let size = [0, 0];
function keepView() { // what was in the middle stays there
  if (size[0]) pan((canvas.clientWidth - size[0]) / 2, (canvas.clientHeight - size[1]) / 2);
  size = [canvas.clientWidth, canvas.clientHeight];
}
let screenTheme = "";
addEventListener("beforeprint", () => { screenTheme = document.documentElement.dataset.theme; theme("light"); paint(true); });
addEventListener("afterprint", () => theme(screenTheme));

// ---- Begin

$("heading").textContent = graph.heading;
$("summary").textContent = graph.summary;
$("slider").max = steps.length;
$("slider").disabled = !steps.length;
$("overlays").append(...Object.entries(OVERLAYS).map(([value, words]) =>
  h("label", {}, h("input", { type: "radio", name: "overlay", value, onchange: () => { setOverlay(value); update(); } }), h("span", {}, words))));
theme(dark.matches ? "dark" : "light");
setOverlay("values");
build();
fit(0.62);
update();
keepView();
requestAnimationFrame(() => canvas.classList.toggle("moving", !calm.matches && shown.size < 300)); // from here on folds move
document.documentElement.dataset.ready = "";
