// Draws what one state says is shown: `build` makes elements, `update` brings them up to the state.
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

function readingOrder() { // visible items row by row: the title of a scope comes before what is in it
  const rows = [...[...now.boxes].map(([item, [x, y, , h]]) => [Math.round((y + h / 2) / 8), x, item]),
    ...[...now.frames].map(([x, [left, top]]) => [Math.round(top / 8), left, inner + x])];
  return rows.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]).map((row) => row[2]);
}

function spoken(item) {
  if (now.frames.has(item - inner)) return `${titleOf(item)} ${noteOf(item)}`.trim();
  const card = cardOf(item), found = (card.findings || []).map(([level, words]) => `${LEVELS[level]}: ${words}`);
  return [titleOf(item), noteOf(item), card.kind === "module" ? plural(card.count || 0, "step") : card.sig,
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
    link.path = s("path", { "data-from": link.from, "data-to": link.to, d: rounded(link.way), "stroke-width": Math.max(...link.edges.map((e) => edges[e].width)) });
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
  const found = (state.matches || []).filter((item) => item >= inner).flatMap((item) => members[item - inner]);
  const within = new Set(found.map((c) => now.standing.card[c])); // in a scope that matches
  const aim = state.matches && state.match >= 0 ? standIn(state.matches[state.match]) : -1;
  for (const [item, made] of shown) {
    const names = ["item", made.box ? "" : `title depth${pathOf(item).length % 2} ${foldable[item - inner] ? "" : "fast"}`, item === current && "current", item === state.selected && "selected",
      matching && (matching.has(item) ? "match" : within.has(item) ? "" : "dim"), item === aim && "aim",
      state.overlay === "health" && made.box && !["bad", "low"].includes(worst(cardOf(item))) && toneOf(item) !== "loss" && "well"];
    change(made.g, "class", names.filter(Boolean).join(" "));
    change(made.g, "tabindex", item === state.focus ? "0" : "-1");
    change(made.g, "aria-current", item === current ? "step" : "false");
    change(made.g, "aria-selected", String(item === state.selected));
  }
  paint();
  now.links.forEach((link) => {
    const dim = matching && ![link.from, link.to].some((item) => matching.has(item) || within.has(item));
    change(link.path, "class", linkClass(link, state) + (dim ? " dim" : ""));
  });
  $("slider").value = state.step;
  const telling = !steps.length ? ["no backward pass", "no step here requires a gradient"] : state.step
    ? [`step ${state.step} / ${steps.length}`, pullsBack(steps[state.step - 1])] : ["overview", `${plural(steps.length, "step")} back from ${called(root)}: press → to follow them`];
  $("count").textContent = telling[0];
  $("pulls").textContent = telling[1];
  $("slider").setAttribute("aria-valuetext", telling.join(": "));
  $("play").disabled = !steps.length;
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
  const known = cards.some((card) => card.stats || card.gradient);
  const swatch = (tone, words) => h("span", {}, h("i", { class: `swatch ${tone}` }), words);
  $("legend").replaceChildren(...{
    values: [...(known ? [swatch("value", "values"), swatch("gradient", "gradient")] : [h("span", {}, "no values in this picture")]), swatch("line", "wider: more bytes")],
    gradients: [swatch("gradient", known ? "gradient, coming back" : "the way of the gradient"), ...(known ? [swatch("value", "values")] : []), swatch("line dashed", "no gradient this way")],
    cost: [swatch("flops", "FLOPs"), swatch("memory", "bytes"), h("span", {}, "both on a log scale")],
    health: !known ? [h("span", {}, "no values to examine in this picture")] : [swatch("bad", "serious"), swatch("low", "mild"), h("span", {}, "else nothing was found")],
  }[state.overlay]);
}

function say(words) {
  $("says").textContent = words;
}

