// Moves and scales the drawing: by drag, wheel, pinch, keys and buttons. Only one transformation changes.
const view = { x: 0, y: 0, k: 1 };
const LEAST = 0.03, GREATEST = 4, MARGIN = 28, FAR = 0.42, NEAR = 0.8;
const canvas = $("canvas"), stage = $("stage"), drawing = $("drawing");

function show() {
  stage.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.k})`;
  canvas.classList.toggle("far", view.k < FAR); // small print is not painted where nobody can read it
  paintSoon();
}

function pan(dx, dy) {
  view.x += dx;
  view.y += dy;
  keepInSight();
  show();
}

function keepInSight() { // some of the drawing always stays in sight
  const [x, y, w, h] = now.bounds, { clientWidth, clientHeight } = canvas, edge = 60;
  view.x = Math.min(Math.max(view.x, edge - (x + w) * view.k), clientWidth - edge - x * view.k);
  view.y = Math.min(Math.max(view.y, edge - (y + h) * view.k), clientHeight - edge - y * view.k);
}

function zoom(factor, at = [canvas.clientWidth / 2, canvas.clientHeight / 2]) {
  const k = Math.min(Math.max(view.k * factor, LEAST), GREATEST);
  view.x = at[0] - ((at[0] - view.x) * k) / view.k;
  view.y = at[1] - ((at[1] - view.y) * k) / view.k;
  view.k = k;
  keepInSight();
  show();
}

function fit(least = 0) { // all in sight, unless that would be smaller than `least`: then the top
  const [x, y, w, h] = now.bounds, { clientWidth, clientHeight } = canvas;
  const bottom = MARGIN + $("legend").offsetHeight, wide = (clientWidth - 2 * MARGIN) / w;
  const top = Math.min(wide, clientHeight / h) * w > clientWidth - 400 ? 56 : MARGIN, tall = (clientHeight - top - bottom) / h;
  view.k = Math.min(Math.max(Math.min(wide, tall), Math.min(least, Math.max(wide, least * 0.7)), LEAST), 1.15);
  const main = now.boxes.get(now.standing.card[root]), fits = w * view.k < clientWidth || !main;
  view.x = clientWidth / 2 - (fits ? x + w / 2 : main[0] + main[2] / 2) * view.k; // or the main path in the middle
  view.y = Math.max(top, (clientHeight - top - bottom - h * view.k) / 2 + top) - y * view.k;
  show();
}

function reveal(item) { // moves an item into sight, if it is out of it
  const box = item < 0 ? null : now.boxes.get(item) || now.frames.get(item - inner);
  if (!box) return;
  const [x, y, w] = box, tall = now.boxes.has(item) ? box[3] : 40, gap = 24;
  const move = (low, high, size) => (low < gap ? gap - low : high > size ? Math.max(size - high, gap - low) : 0);
  const left = x * view.k + view.x, top = y * view.k + view.y;
  pan(move(left, left + w * view.k, canvas.clientWidth - gap), move(top, top + tall * view.k, canvas.clientHeight - gap - 40));
}

function approach(item) { // moves an item into sight, and so near that it can be read
  reveal(item);
  const box = now.boxes.get(item);
  if (!box || view.k >= FAR) return;
  zoom(NEAR / view.k, [(box[0] + box[2] / 2) * view.k + view.x, (box[1] + box[3] / 2) * view.k + view.y]);
  reveal(item);
}

const fingers = new Map(); // pointers that are down, and where
let dragged = false; // whether the pointer moved so far that this is no click

canvas.addEventListener("pointerdown", (event) => {
  if (event.button || event.target.closest("button")) return;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  if (fingers.size === 1) dragged = false;
});
canvas.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const here = [event.clientX, event.clientY];
  if (fingers.size === 1) {
    if (!dragged && Math.hypot(here[0] - before[0], here[1] - before[1]) < 4) return;
    pan(here[0] - before[0], here[1] - before[1]);
  } else {
    const other = [...fingers].find(([id]) => id !== event.pointerId)[1], { left, top } = canvas.getBoundingClientRect();
    const spread = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
    zoom(spread(here) / spread(before), [(here[0] + other[0]) / 2 - left, (here[1] + other[1]) / 2 - top]);
    pan((here[0] - before[0]) / 2, (here[1] - before[1]) / 2);
  }
  if (!dragged) canvas.setPointerCapture(event.pointerId);
  dragged = true;
  canvas.classList.add("dragging");
  fingers.set(event.pointerId, here);
});
const lift = (event) => {
  fingers.delete(event.pointerId);
  if (!fingers.size) canvas.classList.remove("dragging");
};
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? canvas.clientHeight : 1;
  const { left, top } = canvas.getBoundingClientRect();
  if (event.ctrlKey || event.metaKey) {
    zoom(Math.exp(-event.deltaY * unit * 0.006), [event.clientX - left, event.clientY - top]);
  } else {
    const across = event.shiftKey && !event.deltaX;
    pan(-(across ? event.deltaY : event.deltaX) * unit, across ? 0 : -event.deltaY * unit);
  }
}, { passive: false });
canvas.addEventListener("scroll", () => { canvas.scrollTop = canvas.scrollLeft = 0; }); // a focused card scrolls nothing
