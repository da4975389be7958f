// Which keys, clicks and controls do what; and the first drawing.
const itemOf = (event) => { const g = event.target.closest("[data-item]"); return g ? Number(g.dataset.item) : -1; };

canvas.addEventListener("click", (event) => {
  if (dragged || event.target.closest("button")) return;
  const item = itemOf(event);
  if (item < 0) return select(-1);
  const title = event.target.closest(".title, .hit, .name");
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
    "/": () => $("find").focus(), Escape: () => (state.selected >= 0 ? select(-1) : step(0)),
  };
  if (choosing) return made; // a slider or a choice uses the arrows itself
  Object.assign(made, { ArrowRight: () => step(state.step + 1), ArrowLeft: () => step(state.step - 1), Home: () => step(0), End: () => step(steps.length) });
  if (item >= 0) Object.assign(made, { ArrowDown: () => along(1), ArrowUp: () => along(-1), Enter: act, " ": act });
  if (at === canvas) {
    Object.assign(made, { ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60) });
    if (!state.step) Object.assign(made, { ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0) });
  }
  return made;
}

$("play").addEventListener("click", () => play(!playing));
$("previous").addEventListener("click", () => step(state.step - 1));
$("next").addEventListener("click", () => step(state.step + 1));
$("slider").addEventListener("input", (event) => step(Number(event.target.value)));
$("fold").addEventListener("click", () => { refold(() => scopes.forEach((_, x) => foldable[x] && state.folded.add(x))); fit(0.6); say("All scopes folded"); });
$("unfold").addEventListener("click", () => { refold(() => state.folded.clear()); fit(0.6); say("All scopes unfolded"); });
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
addEventListener("beforeprint", () => { screenTheme = document.documentElement.dataset.theme; theme("light"); inspect(); paint(true); });
addEventListener("afterprint", () => { theme(screenTheme); inspect(); });

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
fit(0.6);
update();
keepView();
requestAnimationFrame(() => canvas.classList.toggle("moving", !calm.matches && shown.size < 300)); // from here on folds move
document.documentElement.dataset.ready = "";
