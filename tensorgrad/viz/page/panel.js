// Says in the panel all that is known of a card, a scope, or of the whole graph, and in words what is not.
const panel = $("panel");

function section(title, ...children) {
  return h("section", {}, h("h3", {}, title), ...children);
}

function missing(words) {
  return h("p", { class: "missing" }, words);
}

function figures(pairs) {
  return h("dl", { class: "figures" }, pairs.filter(([, value]) => value !== "" && value !== undefined)
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function histogram(stats, kind, words) {
  const [least, greatest] = stats.ends, zero = least < 0 && greatest > 0 ? (320 * -least) / (greatest - least) : -1;
  return h("figure", { class: "histogram" },
    s("svg", { viewBox: "0 0 320 74", role: "img", "aria-label": `histogram of ${words}, from ${stats.least} to ${stats.greatest}` },
      zero >= 0 ? s("path", { class: "zero", d: `M${fixed(zero)} 4v56` }) : null,
      s("path", { class: `bars ${kind}`, d: bars(stats.counts, 0, 2, 320, 57) }),
      s("path", { class: `axis ${kind}`, d: "M0 59.5h320" }),
      s("text", { class: "t-small soft", x: 0, y: 72 }, stats.least),
      zero > 48 && zero < 272 ? s("text", { class: "t-small soft", x: fixed(zero), y: 72, "text-anchor": "middle" }, "0") : null,
      s("text", { class: "t-small soft", x: 320, y: 72, "text-anchor": "end" }, stats.greatest)));
}

function distribution(stats, kind, words) { // histogram and figures, or why there are none
  if (!stats.size) return missing("There are no elements.");
  const broken = brokenWords(stats);
  const alarm = broken ? h("p", { class: "alarm bad" }, `${broken} among ${plural(stats.size, "element")}`) : null;
  if (!stats.finite) return [alarm, missing("No element is finite, so there is nothing to count.")];
  const rows = stats.size === 1 ? [["value", stats.mean]] : kind === "value"
    ? [["mean", stats.mean], ["deviation", stats.deviation], ["zeros", stats.zeros], ["elements", stats.size.toLocaleString("en-US")]]
    : [["rms", stats.rms], ["norm", stats.norm], ["zeros", stats.zeros], ["mean", stats.mean]];
  if (stats.dead && kind === "value") rows.push(["units all 0", stats.dead]);
  if (stats.saturated) rows.push(["saturated", stats.saturated]);
  if (stats.classes) rows.push(["different", stats.classes.toLocaleString("en-US")]);
  return [alarm, stats.counts && stats.size > 1 ? histogram(stats, kind, words) : null, figures(rows)];
}

function heatmap(heat, kind, words) {
  const map = h("canvas", { width: heat.columns, height: heat.rows, role: "img", "aria-label": `heat map of ${words}, ${heat.rows} by ${heat.columns} cells, up to ${heat.scale}` });
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim().match(/\w\w/g).map((two) => parseInt(two, 16));
  const [none, above, below] = [colour("--heat-zero"), colour(kind === "value" ? "--value" : "--gradient"), colour("--heat-below")];
  const context = map.getContext("2d"), image = context.createImageData(heat.columns, heat.rows);
  bytesOf(heat.cells).forEach((byte, i) => {
    const share = (byte - 128) / 127, end = share > 0 ? above : below, part = Math.abs(share);
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = none[c] + (end[c] - none[c]) * part;
    image.data[4 * i + 3] = 255;
  });
  context.putImageData(image, 0, 0);
  return h("figure", { class: "heat" }, map, h("figcaption", {}, heat.scale === "0" ? `${kind}, all 0` : `${kind}, up to ±${heat.scale}`));
}

function goTo(item, words, tone = "") { // a button that leads to a card
  return h("button", { type: "button", class: `to ${tone}`, onclick: () => select(item, true) }, words);
}

function neighbours(item) { // what goes in and what it is used by
  const within = item < inner ? new Set([item]) : new Set(members[item - inner]);
  const ends = (lists, there) => [...within].flatMap((c) => lists[c]).filter((e) => !within.has(edges[e].ends[there]));
  const row = (title, list, there) => {
    if (!list.length) return null;
    const ends = new Map(list.map((e) => { // several links to the same are one button
      const words = `${edges[e].role && there === 0 ? `${edges[e].role}: ` : ""}${called(edges[e].ends[there])}`;
      return [`${edges[e].ends[there]} ${words}`, [edges[e].ends[there], words]];
    }));
    const made = [...ends.values()].slice(0, 12).map(([c, words]) => goTo(c, words));
    if (ends.size > 12) made.push(h("span", { class: "soft" }, `and ${ends.size - 12} more`));
    return h("div", { class: "row" }, h("span", { class: "soft" }, title), made);
  };
  return [row("from", ends(into, 0), 0), row("to", ends(outOf, 1), 1)];
}

function findingsOf(found) {
  return h("ul", { class: "findings" }, found.map(([level, words, why]) =>
    h("li", { class: level }, h("b", {}, `${LEVELS[level]}: ${words}`), why ? h("p", {}, why) : null)));
}

function sourceOf([file, number, text]) {
  const known = graph.sources[file] || { [number]: text };
  const numbers = Object.keys(known).map(Number).filter((n) => Math.abs(n - number) <= 2).sort((a, b) => a - b);
  if (!numbers.some((n) => known[n].trim())) return missing(`The text of ${file} was not found; the line is number ${number}.`);
  return h("div", { class: "source", role: "group", tabindex: "0", "aria-label": `${file}, line ${number}` }, h("pre", {}, numbers.map((n) =>
    h("div", n === number ? { class: "here", "aria-current": "location" } : {}, h("i", {}, String(n)), known[n] || " ", "\n"))));
}

function aboutValues(card) {
  if (card.stats) return distribution(card.stats, "value", "values");
  if (graph.detail === "shapes") return missing("Values are not part of this picture: draw it with detail=\"stats\" or \"full\".");
  return missing("The values were not held. Record under tg.debug() to keep those of every step.");
}

function aboutGradient(item, card) {
  const came = gradientOf(item, state.step);
  if (came === "never") return missing(card.kind === "input" || card.kind === "constant" ? "Data gets no gradient." : "No gradient comes here: nothing that requires one leads through it.");
  if (came === "none" || came === "some") {
    const ways = arrivals[item < inner ? item : leaving(item)], at = last(ways);
    return missing(came === "some" ? `${arrivedOf(item, state.step)} gradients came; they are added up by step ${at}.` : `No gradient yet: it comes in step ${at}.`);
  }
  if (card.gradient) return distribution(card.gradient, "gradient", "gradient");
  return missing(graph.detail === "shapes" ? "Gradients are not part of this picture: draw it with detail=\"stats\" or \"full\"." : "The gradient is not known here: there was no backward pass for this picture.");
}

function aboutItem(item) {
  const card = cardOf(item), scope = item < inner ? null : scopes[item - inner];
  const path = pathOf(item).map((x) => scopes[x].title), tone = toneOf(item);
  const kind = scope ? scope.kind : KINDS[card.kind];
  const many = card.kind === "module";
  const facts = [
    many ? plural(card.count || 0, "step") : card.sig, many ? card.sig : "", card.bytes,
    card.parameters && !noteOf(item).includes("parameter") ? plural(card.parameters, "parameter") : ""].filter(Boolean);
  const step = item < inner ? stepOf[item] : 0;
  const heats = [card.stats && card.stats.heat ? heatmap(card.stats.heat, "value", "values") : null,
    card.gradient && card.gradient.heat && gradientOf(item, state.step) === "all" ? heatmap(card.gradient.heat, "gradient", "gradient") : null].filter(Boolean);
  return [
    h("div", { class: "over" }, h("span", {}, [...path, ""].join(" › "), kind), state.selected >= 0 ? h("button", { type: "button", class: "quiet", onclick: () => select(-1) }, "Close") : null),
    h("h2", { class: `name ${tone}` }, h("bdi", {}, titleOf(item)), noteOf(item) ? h("small", {}, noteOf(item)) : null),
    h("p", { class: "facts" }, facts.map((fact, i) => h("span", { class: i ? "" : "mono" }, fact))),
    card.verdict ? h("p", { class: `alarm ${card.verdict === "wrong" ? "bad" : card.verdict === "right" ? "good" : "low"}` }, `gradient check: ${card.verdict}`) : null,
    card.kind === "loss" && card.value !== undefined ? h("p", { class: "large" }, card.value) : null,
    (card.findings || []).length ? section("Health", findingsOf(card.findings)) : null,
    section(many ? "Values that leave it" : "Values", aboutValues(card)),
    section(many ? "Their gradient" : `Gradient ∂/∂${called(item)}`, aboutGradient(item, card),
      card.ratio === undefined ? null : figures([[`${many ? "of its parameters: " : ""}gradient / values, by norm`, card.ratio]])),
    heats.length ? section("Maps", h("div", { class: "heats" }, heats), h("p", { class: "soft" }, "Means of blocks. Colour: above 0. Dark: below 0.")) : null,
    (card.formula || []).length ? section(step ? `Backward, step ${step} of ${steps.length}` : "Backward", h("div", { class: "formula", tabindex: "0", role: "group", "aria-label": "formulas" }, card.formula.map((line) => h("div", {}, line)))) : null,
    many || card.kind === "op" || card.kind === "loss" ? section("Cost", figures([
      ["forward", card.flops === undefined ? "not known" : inUnits(card.flops, "FLOP")], ["result", card.bytes || "not known"]]),
    (card.kept || []).length ? h("p", { class: "kept" }, "keeps for backward: ", card.kept.map(([what, bytes]) => `${what} ${bytes}`.trim()).join(" · ")) : null) : null,
    section("Line", card.line ? [h("p", { class: "soft" }, `${card.line[0]}:${card.line[1]}`), sourceOf(card.line)] : missing("The line was not recorded.")),
    section("Connections", neighbours(item)),
  ];
}

function aboutGraph() {
  const found = graph.findings;
  return [
    h("h2", {}, "Overview"), h("p", { class: "facts" }, graph.summary),
    found.length ? section(`Diagnosis, ${plural(found.length, "finding")}`, h("ul", { class: "findings" }, found.slice(0, 50).map(([level, words, why, c]) =>
      h("li", { class: level }, c >= 0 ? goTo(c, [h("b", {}, `${called(c)}: `), `${LEVELS[level]}, ${words}`], "wide") : h("b", {}, words), why ? h("p", {}, why) : null))))
      : section("Diagnosis", missing(cards.some((c) => c.stats || c.gradient) ? "Nothing was found." : "Nothing was examined: this picture has no values and no gradients.")),
    graph.notes.length ? section("Notes", h("ul", { class: "notes" }, graph.notes.map((note) => h("li", {}, note)))) : null,
    section("Cost", figures([
      ["forward", cards.some((c) => c.flops !== undefined) ? inUnits(cards.reduce((sum, c) => sum + (c.flops || 0), 0), "FLOP") : "not known"],
      ["kept", cards.some((c) => c.keptBytes) ? graph.kept : "not known"],
      ["all arrays", inUnits(cards.reduce((sum, c) => sum + (c.size || 0), 0), "", 1024)]])),
    section("Keys", h("dl", { class: "keys" }, [
      ["← →", "step through the backward pass"], ["Home End", "overview, last step"], ["/", "find"], ["Tab", "into the graph, then ↑ ↓ from card to card"],
      ["Enter", "fold or unfold, pin a card"], ["+ − 0", "zoom in, out, fit"], ["Esc", "let go"],
    ].map(([keys, words]) => h("div", {}, h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, words))))),
  ];
}
