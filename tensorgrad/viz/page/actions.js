// What a reader can do: each action changes the state, and has it drawn.
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
  if (move) approach(item);
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

function step(to) { // by the reader's own hand
  play(false);
  go(to);
}

let playing = 0;
function play(on) { // a step a second, to the end; from the start if it is there
  clearInterval(playing);
  playing = 0;
  if (on) {
    go(state.step < steps.length ? state.step + 1 : 1);
    playing = setInterval(() => (state.step < steps.length ? go(state.step + 1) : play(false)), 1000);
  }
  $("play").textContent = on ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", on ? "Pause" : "Play the backward pass");
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
  const matches = haystacks.flatMap((text, item) => (wanted && text.includes(wanted) ? [item] : []));
  const byName = (item) => titleOf(item).toLowerCase().includes(wanted) || (cards[item] && (cards[item].name || "").toLowerCase().includes(wanted));
  state.matches = wanted ? [...matches.filter(byName), ...matches.filter((item) => !byName(item))] : null;
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
