// The graph as the page holds it: cards, scopes and links by number, and the order in which gradients come back.
const graph = JSON.parse(document.getElementById("data").textContent);
const { cards, scopes, edges } = graph;
const inner = cards.length; // an item below it is a card, one from it on is scope number item - inner

const into = cards.map(() => []), outOf = cards.map(() => []); // numbers of links
edges.forEach((edge, e) => {
  into[edge.ends[1]].push(e);
  outOf[edge.ends[0]].push(e);
});
const children = scopes.map(() => []); // scopes directly within
scopes.forEach((scope, s) => { if (scope.parent !== undefined) children[scope.parent].push(s); });
const members = scopes.map(() => []); // cards within, at any depth
cards.forEach((card, c) => {
  for (let s = card.scope; s !== undefined; s = scopes[s].parent) members[s].push(c);
});
const foldable = scopes.map((scope) => scope.card !== undefined);
const root = cards.length - 1;

// Steps of the backward pass: cards through which a gradient comes back, newest first.
const flows = cards.map(() => false); // whether a gradient comes to the card
const steps = [];
if (root >= 0) flows[root] = into[root].some((e) => !edges[e].dead) || cards[root].kind === "module";
for (let c = root; c >= 0; c--) {
  if (!flows[c]) continue;
  const live = into[c].filter((e) => !edges[e].dead);
  if (live.length || (cards[c].kind === "module" && cards[c].parameters)) steps.push(c);
  live.forEach((e) => { flows[edges[e].ends[0]] = true; });
}
const stepOf = cards.map(() => 0); // the step, from 1 on, in which a card pulls back what came to it
steps.forEach((c, i) => { stepOf[c] = i + 1; });
const arrivals = cards.map((_, c) => // steps in which something arrives, first to last
  c === root ? [1] : outOf[c].filter((e) => carries(edges[e])).map((e) => stepOf[edges[e].ends[1]]).sort((a, b) => a - b));

function carries(edge) { // whether a gradient comes back this way
  return !edge.dead && stepOf[edge.ends[1]] > 0;
}

// What a card's gradient is like in a step: all gradients are there in step 0, in which nothing is stepped through.
function gradientState(c, step) {
  if (!flows[c]) return "never";
  if (!step) return "all";
  const came = arrivals[c].filter((s) => s <= step).length;
  return came === arrivals[c].length ? "all" : came ? "some" : "none";
}

function called(c) { // what a card is called in a sentence
  const name = cards[c].name || cards[c].title;
  return name.length > 40 ? `${name.slice(0, 26)}…${name.slice(-12)}` : name;
}

function pullsBack(c) { // what a step does, in words
  const sources = [...new Set(into[c].filter((e) => carries(edges[e])).map((e) => `∂${called(edges[e].ends[0])}`))];
  if (cards[c].kind === "module" && cards[c].parameters) sources.push("those of its parameters");
  const shown = sources.length > 6 ? [...sources.slice(0, 5), `${sources.length - 5} more`] : sources;
  return `${called(c)} pulls back ${shown.join(", ")}`;
}

function pathOf(item) { // the scopes around, outermost first
  const path = [];
  let s = item >= inner ? scopes[item - inner].parent : cards[item].scope;
  for (; s !== undefined; s = scopes[s].parent) path.unshift(s);
  return path;
}

function plural(n, word) {
  return `${n.toLocaleString("en-US")} ${word}${n === 1 ? "" : "s"}`;
}

function inUnits(n, word, base = 1000) { // 524288 → "524 kFLOP"
  let unit = 0;
  while (n >= base && unit < 5) { n /= base; unit++; }
  const digits = unit && n < 100 ? Number(n.toPrecision(3)) : Math.round(n);
  return base === 1024 ? `${digits} ${["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit]}`
    : `${digits} ${["", "k", "M", "G", "T", "P"][unit]}${word}`;
}

function bytesOf(text) { // what was packed in base 64
  return Uint8Array.from(atob(text || ""), (letter) => letter.charCodeAt(0));
}
