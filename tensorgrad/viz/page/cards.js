// Draws cards, scopes and links for the overlay and the step that are shown.
const LEFT = 12;
const HALF = (WIDTH - 3 * LEFT) / 2; // of a histogram, two beside each other

const OVERLAYS = {
  values: "Values", gradients: "Gradients", cost: "Cost", health: "Health",
};
const KINDS = { parameter: "parameter", input: "input", constant: "constant", op: "operation", loss: "loss", module: "folded" };
const LEVELS = { bad: "serious", low: "mild", note: "note" };
const most = { // what bars of cost are measured by
  flops: [...cards, ...scopes.map((x) => x.card)].reduce((top, card) => Math.max(top, (card && card.flops) || 0), 1),
  bytes: cards.reduce((top, card) => Math.max(top, card.size || 0), 1),
};

function toneOf(item) { // the class that colours a card
  const card = cardOf(item);
  if (card.kind === "loss" || (item >= inner && holdsRoot(item))) return "loss";
  return card.kind === "op" ? `op ${card.family || "elementwise"}` : card.kind;
}

function holdsRoot(item) {
  return item >= inner && members[item - inner].includes(root) && cards[root].kind === "loss";
}

function worst(card) {
  const levels = (card.findings || []).map(([level]) => level);
  return ["bad", "low", "note"].find((level) => levels.includes(level)) || "";
}

function titleOf(item) {
  return item < inner ? cards[item].title : scopes[item - inner].title;
}

function noteOf(item) {
  const { note, times: repeated } = item < inner ? cards[item] : scopes[item - inner];
  const times = repeated && !(note || "").includes(`×${repeated}`) ? `×${repeated}` : "";
  if (item >= inner) return [note, times].filter(Boolean).join(" ");
  const card = cards[item];
  return [card.note, card.name && card.name !== card.title ? `→ ${card.name}` : "", times].filter(Boolean).join(" ");
}

// All that changes what a card looks like: it is drawn again only if this does.
function faceKey(item, state) {
  const parts = [state.overlay];
  if (state.overlay === "gradients" || state.overlay === "values") parts.push(gradientOf(item, state.step), arrivedOf(item, state.step));
  return parts.join();
}

function gradientOf(item, step) { // of a folded scope: that of what leaves it
  return gradientState(item < inner ? item : leaving(item), step);
}

function arrivedOf(item, step) {
  const ways = arrivals[item < inner ? item : leaving(item)];
  return `${ways.filter((at) => at <= step).length} of ${ways.length}`;
}

const leavers = scopes.map((_, x) => { // of each scope the last card that something outside uses
  const within = new Set(members[x]);
  return members[x].filter((c) => c === root || outOf[c].some((e) => !within.has(edges[e].ends[1]))).pop();
});

function leaving(item) {
  return leavers[item - inner];
}

function face(item, state, box) {
  const card = cardOf(item), width = box[2], room = width - 2 * LEFT, tone = toneOf(item);
  const parts = [];
  const mark = worst(card);
  let from = LEFT;
  if (item >= inner) {
    parts.push(s("rect", { class: "hit", x: 3, y: 2, width: 24, height: 25, rx: 6 }), s("path", { class: "chevron", d: "M13 10.5l5 4.5l-5 4.5" }));
    from += 14;
  }
  const titleRoom = width - from - LEFT - (mark && mark !== "note" ? 18 : 0);
  const title = fitted(titleOf(item), "title", titleRoom);
  parts.push(label(titleOf(item), "title", from, 20, titleRoom, { tone: "name" }));
  const noteAt = from + widthOf(title, "title") + 7;
  const noteRoom = from + titleRoom - noteAt;
  if (noteOf(item) && noteRoom > 24) parts.push(label(noteOf(item), "note", noteAt, 19.5, noteRoom, { tone: "soft" }));
  if (mark && mark !== "note") parts.push(warning(width - 25, 9, mark));
  parts.push(...second(item, card, room));
  if (box[3] > graph.low) parts.push(...third(item, card, state, room));
  return s("g", { class: `inside ${tone}` }, parts);
}

function warning(x, y, level) {
  return s("g", { class: `warning ${level}`, transform: `translate(${x} ${y})` },
    s("path", { d: "M7 .8L13.6 12.6H.4z" }), s("path", { class: "stroke", d: "M7 4.8v4M7 10.4v.9" }));
}

function second(item, card, room) { // the line below the title
  if (card.kind === "module") {
    const { times } = item < inner ? card : scopes[item - inner];
    const words = [times ? `×${times}` : "", card.count ? plural(card.count, "step") : "no steps",
      card.parameters && !noteOf(item).includes("parameter") ? plural(card.parameters, "parameter") : card.sig];
    return [label(words.filter(Boolean).join(" · "), "small", LEFT, 35, room, { tone: "soft" })];
  }
  const sig = fitted(card.sig, "mono", room);
  const at = LEFT + widthOf(sig, "mono") + 8;
  return [label(sig, "mono", LEFT, 35, room, { tone: "plain" }),
    card.bytes && room + LEFT - at > 30 ? label(card.bytes, "small", at, 35, room + LEFT - at, { tone: "soft" }) : null];
}

function third(item, card, state, room) {
  const loss = toneOf(item) === "loss";
  if (loss && state.overlay !== "cost" && !(state.overlay === "health" && (card.findings || []).length)) {
    const value = item < inner ? card.value : cards[root].value;
    const seed = state.step ? "seed ∂ = 1" : "";
    return [value !== undefined ? label(value, "number", LEFT, 69, room * 0.72, { tone: "name" })
      : label("value not held", "small", LEFT, 62, room, { tone: "soft" }),
    seed && label(seed, "small", WIDTH - LEFT, 68, room * 0.3, { tone: "soft", "text-anchor": "end" })];
  }
  return { values: histograms, gradients: histograms, cost, health }[state.overlay](item, card, state, room);
}

function histograms(item, card, state) {
  const right = 2 * LEFT + HALF, parts = [];
  const both = card.stats || card.gradient;
  if (!both && item < inner) return [label(card.kind === "op" || card.kind === "parameter" ? "no values held" : "", "small", LEFT, 62, WIDTH - 2 * LEFT, { tone: "soft" })];
  parts.push(...small(card.stats, "value", LEFT, state.overlay === "gradients",
    card.stats && (card.stats.size === 1 ? [`= ${card.stats.mean}`] : card.stats.classes ? [plural(card.stats.classes, "value")] : [`μ ${card.stats.short[0]}  σ ${card.stats.short[1]}`, `σ ${card.stats.short[1]}`])));
  const came = gradientOf(item, state.step);
  if (card.gradient && came === "all") {
    parts.push(...small(card.gradient, "gradient", right, false, [card.gradient.size === 1 ? `∂ = ${card.gradient.mean}` : card.kind === "parameter" ? `norm ${card.gradient.norm}` : `rms ${card.gradient.rms}`]));
  } else {
    const words = { never: "no gradient", all: "not held", none: "no gradient yet", some: `${arrivedOf(item, state.step)} paths` }[came];
    parts.push(label(words, "small", right, 62, HALF, { tone: "soft" }));
  }
  return parts;
}

function small(stats, kind, x, faded, captions) { // of the captions the first that has room
  if (!stats) return [label("not held", "small", x, 62, HALF, { tone: "soft" })];
  const broken = brokenWords(stats), caption = captions.find((words) => widthOf(words, "small") <= HALF) || last(captions);
  if (stats.size === 1 && !broken) return [label(caption, "strong", x, 67, HALF, { tone: kind })]; // one bar tells nothing
  return [
    s("path", { class: `axis ${kind}`, d: `M${x} 67.5h${HALF}` }),
    stats.counts ? s("path", { class: `bars ${kind} ${faded ? "faded" : ""}`, d: bars(stats.counts, x, 42, HALF, 25) }) : null,
    broken ? label(broken, "strong", x, 79, HALF, { tone: "bad" }) : label(caption, "small", x, 79, HALF, { tone: kind }),
  ];
}

function brokenWords(stats) {
  return [stats.nans ? `${stats.nans} NaN` : "", stats.infinities ? `${stats.infinities} inf` : ""].filter(Boolean).join(", ");
}

function cost(item, card, state, room) {
  const bar = (y, part, tone) => [
    s("rect", { class: "trough", x: LEFT, y, width: room, height: 6, rx: 3 }),
    part > 0 ? s("rect", { class: `measure ${tone}`, x: LEFT, y, width: Math.max(6, room * part), height: 6, rx: 3 }) : null];
  const log = (n, top) => (n ? Math.max(0.03, Math.log(1 + n) / Math.log(1 + top)) : 0);
  const leaf = !["op", "loss", "module"].includes(card.kind);
  const words = [
    leaf ? "" : card.flops === undefined ? "FLOPs not known" : inUnits(card.flops, "FLOP"),
    card.bytes || "size not known", card.keptBytes ? `keeps ${inUnits(card.keptBytes, "", 1024)}` : ""].filter(Boolean);
  return [...(leaf ? [] : bar(45, log(card.flops, most.flops), "flops")), ...bar(leaf ? 50 : 55, log(card.size, most.bytes), "memory"),
    label(words.join(" · "), "small", LEFT, 77, room, { tone: "plain" })];
}

function health(item, card, state, room) {
  const found = card.findings || [];
  if (!found.length) return histograms(item, card, { ...state, step: 0 }); // faded by `well`
  const made = [];
  for (const [level, words] of found) {
    for (const line of lines(words, "strong", room, 3 - made.length)) {
      if (made.length < 3) made.push(label(line, "strong", LEFT, 51 + 13 * made.length, room, { tone: level }));
    }
  }
  return made;
}

function linkClass(link, state) { // colour and way of a link
  const kind = link.from < inner ? cards[link.from].kind : "module";
  const carried = link.edges.filter((e) => carries(edges[e]));
  const done = carried.some((e) => !state.step || stepOf[edges[e].ends[1]] <= state.step);
  const acting = state.step && carried.some((e) => stepOf[edges[e].ends[1]] === state.step);
  const names = ["link", kind];
  if (state.overlay === "gradients" && done) names.push("back");
  if (state.step && acting) names.push("back", "acting");
  if (state.overlay === "health") {
    const level = worst(cardOf(link.to)) || "";
    names.push(level === "bad" || level === "low" ? level : "quiet");
  }
  if (link.edges.every((e) => edges[e].dead) && kind !== "parameter") names.push("dead");
  return [...new Set(names)].join(" ");
}
