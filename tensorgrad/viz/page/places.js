// Places of what is visible. A folded scope shrinks to one card, and the rows and columns that then hold nothing
// close up: by a map of x and one of y that never decrease, so that what stood apart stays apart.
const WIDTH = cards.length ? cards[0].at[2] : 0;
const AIR = 12, INSET = 18, FRAME = 14, STRIP = 34, CORNER = 7;

// For each item the number of the item that stands for it: itself, or the outermost folded scope around it.
function standIns(folded) {
  const outer = []; // of each scope: the outermost folded one around or at it
  scopes.forEach((scope, s) => { // outer scopes come first
    const above = scope.parent === undefined ? -1 : outer[scope.parent];
    outer.push(above >= 0 ? above : folded.has(s) ? s : -1);
  });
  const card = cards.map((c, i) => (c.scope === undefined || outer[c.scope] < 0 ? i : inner + outer[c.scope]));
  return { card, scope: outer };
}

// Return a map of one coordinate: what is `hidden` and not `kept` has no length; `least` are lengths to be had.
function closing(hidden, kept, least) {
  if (!hidden.length) return (v) => v;
  const points = [...new Set([...hidden, ...kept, ...least].flatMap(([a, b]) => [a, b]))].sort((a, b) => a - b);
  const at = new Map(points.map((p, i) => [p, i]));
  const hides = new Int32Array(points.length + 1), keeps = new Int32Array(points.length + 1);
  hidden.forEach(([a, b]) => { hides[at.get(a)]++; hides[at.get(b)]--; });
  kept.forEach(([a, b]) => { keeps[at.get(a)]++; keeps[at.get(b)]--; });
  const ending = points.map(() => []);
  least.forEach(([a, b, length]) => ending[at.get(b)].push([at.get(a), length]));
  const made = [points[0]];
  for (let i = 1, h = 0, k = 0; i < points.length; i++) {
    h += hides[i - 1];
    k += keeps[i - 1];
    let p = made[i - 1] + (h && !k ? 0 : points[i] - points[i - 1]);
    ending[i].forEach(([from, length]) => { p = Math.max(p, made[from] + length); });
    made.push(p);
  }
  return (v) => {
    if (v <= points[0]) return v;
    if (v >= points[points.length - 1]) return made[made.length - 1] + v - points[points.length - 1];
    let low = 0, high = points.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle] <= v) low = middle; else high = middle;
    }
    return made[low] + ((v - points[low]) / (points[high] - points[low])) * (made[high] - made[low]);
  };
}

// Return where a way that ends within a box comes to its border, and what is left of the way.
function cutAtEnd(way, [x, y, w, h]) {
  const inside = ([a, b]) => a > x && a < x + w && b > y && b < y + h;
  let i = way.length - 1;
  while (i >= 0 && inside(way[i])) i--;
  if (i < 0 || i === way.length - 1) return way;
  const [a, b] = way[i], [c, d] = way[i + 1];
  let t = 0; // the latest crossing of a side on the way in
  for (const [from, to, low, high] of [[a, c, x, x + w], [b, d, y, y + h]]) {
    if (from <= low) t = Math.max(t, (low - from) / (to - from));
    if (from >= high) t = Math.max(t, (from - high) / (from - to));
  }
  return [...way.slice(0, i + 1), [a + t * (c - a), b + t * (d - b)]];
}

function cutAtStart(way, box) {
  return cutAtEnd([...way].reverse(), box).reverse();
}

// Return the end of a way that comes to the border of a folded scope, moved on to the scope's card.
function reach([px, py], frame, box) {
  const near = (v, low, high) => Math.min(Math.max(v, low), high);
  const sides = [
    [Math.abs(py - frame[1]), [near(px, box[0] + 16, box[0] + box[2] - 16), box[1]]],
    [Math.abs(py - frame[1] - frame[3]), [near(px, box[0] + 16, box[0] + box[2] - 16), box[1] + box[3]]],
    [Math.abs(px - frame[0]), [box[0], near(py, box[1] + 12, box[1] + box[3] - 12)]],
    [Math.abs(px - frame[0] - frame[2]), [box[0] + box[2], near(py, box[1] + 12, box[1] + box[3] - 12)]],
  ];
  return sides.reduce((best, side) => (side[0] < best[0] ? side : best))[1];
}

// Return the links between what is visible, with their ways up to the borders of folded scopes, where nothing is moved.
function visibleLinks(standing) {
  const links = [], between = new Map();
  edges.forEach((edge, e) => {
    const [from, to] = edge.ends.map((c) => standing.card[c]);
    if (from === to) return;
    if (from < inner && to < inner) {
      links.push({ from, to, edges: [e], way: pairs(edge.way) });
      return;
    }
    let way = pairs(edge.way);
    if (from >= inner) way = cutAtStart(way, scopes[from - inner].at);
    if (to >= inner) way = cutAtEnd(way, scopes[to - inner].at);
    const link = between.get(`${from} ${to}`);
    if (!link) {
      links.push({ from, to, edges: [e], way });
      between.set(`${from} ${to}`, last(links));
    } else {
      link.edges.push(e);
      if (sideways(way) < sideways(link.way)) link.way = way; // of several the straightest
    }
  });
  return links;
}

// Return where the card of a folded scope would be, so that the straightest way into or out of it goes on straight.
function inLine(s, links) {
  const [x, y, w, h] = scopes[s].at, item = inner + s;
  let best = Infinity, middle = x + w / 2;
  for (const { from, to, way } of links) {
    const crossing = to === item && last(way)[1] <= y + 1 ? last(way) : from === item && way[0][1] >= y + h - 1 ? way[0] : null;
    if (crossing && sideways(way) < best) [best, middle] = [sideways(way), crossing[0]];
  }
  return Math.min(Math.max(middle - WIDTH / 2, x), x + w - WIDTH);
}

// Return the maps of x and y that close up what folded scopes leave empty.
function closings(shownCards, closed, open, links, lefts) {
  if (!closed.length) return [(x) => x, (y) => y];
  const passed = (s) => links.some(({ from, to, way }) => from !== inner + s && to !== inner + s && runsThrough(way, scopes[s].at));
  return [0, 1].map((axis) => {
    const range = (at, more = 0) => [at[axis] - more, at[axis] + at[axis + 2] + more];
    const kept = shownCards.map((c) => range(cards[c].at, AIR));
    const least = closed.map((s) => [...range(scopes[s].at), axis ? heightOf(inner + s) + 2 * INSET : (WIDTH + FRAME) * (passed(s) ? 2 : 1)]);
    if (!axis) lefts.forEach((left) => kept.push([left, left + WIDTH]));
    open.forEach((s) => {
      const [low, high] = range(scopes[s].at);
      kept.push([low, low + (axis ? STRIP : FRAME)], [high - FRAME, high]);
      if (!axis) least.push([low, high, Math.min(high - low, WIDTH + 2 * FRAME)]);
    });
    links.forEach(({ way }) => way.forEach((p, i) => { // lines along the other axis keep their distance
      if (i && Math.abs(p[axis] - way[i - 1][axis]) < 0.5) kept.push([p[axis] - CORNER, p[axis] + CORNER]);
    }));
    return closing(closed.map((s) => range(scopes[s].at)), kept, least);
  });
}

// Return the places of all that is visible: boxes of cards and of folded scopes by item, frames of open scopes, links.
function arrange(folded) {
  const standing = standIns(folded);
  const shownCards = cards.map((_, c) => c).filter((c) => standing.card[c] === c);
  const closed = scopes.map((_, s) => s).filter((s) => standing.scope[s] === s);
  const open = scopes.map((_, s) => s).filter((s) => standing.scope[s] < 0);
  const before = visibleLinks(standing), lefts = new Map(closed.map((s) => [s, inLine(s, before)]));
  const [across, down] = closings(shownCards, closed, open, before, lefts);
  const moved = ([x, y, w, h]) => [across(x), down(y), across(x + w) - across(x), down(y + h) - down(y)];

  const links = before.map((link) => ({ ...link, way: link.way.map(([x, y]) => [across(x), down(y)]) }));
  const boxes = new Map(), closedFrames = new Map(closed.map((s) => [s, moved(scopes[s].at)]));
  shownCards.forEach((c) => {
    const [x, y, w, h] = moved(cards[c].at), [, , width, height] = cards[c].at;
    boxes.set(c, [x + (w - width) / 2, y + (h - height) / 2, width, height]);
  });
  closed.forEach((s) => {
    const frame = closedFrames.get(s), item = inner + s, height = heightOf(item);
    const left = free(across(lefts.get(s)), frame, links.filter((link) => link.from !== item && link.to !== item));
    boxes.set(item, [left, frame[1] + (frame[3] - height) / 2, WIDTH, height]);
  });
  links.forEach((link) => {
    if (link.to >= inner) link.way.push(reach(last(link.way), closedFrames.get(link.to - inner), boxes.get(link.to)));
    if (link.from >= inner) link.way.unshift(reach(link.way[0], closedFrames.get(link.from - inner), boxes.get(link.from)));
    clip(link, boxes);
  });
  const frames = new Map(open.map((s) => [s, moved(scopes[s].at)]));
  return { boxes, frames, links, standing, bounds: boundsOf([...boxes.values(), ...frames.values()]) };
}

function sideways(way) { // how far a way goes to the sides
  return way.reduce((sum, p, i) => sum + (i ? Math.abs(p[0] - way[i - 1][0]) : 0), 0);
}

function runsThrough(way, [x, y, w, h]) { // whether a part of a way may lie in a box
  return way.some((p, i) => i && Math.max(p[0], way[i - 1][0]) > x && Math.min(p[0], way[i - 1][0]) < x + w
    && Math.max(p[1], way[i - 1][1]) > y && Math.min(p[1], way[i - 1][1]) < y + h);
}

// Return where in a frame a card stands, as near as can be to where it is wanted, so that no link runs over it.
function free(wanted, frame, links) {
  const [x, , w] = frame;
  const taken = links.flatMap(({ way }) => way.flatMap((p, i) => {
    if (!i || !runsThrough([way[i - 1], p], frame)) return [];
    return [[Math.min(p[0], way[i - 1][0]) - CORNER - WIDTH, Math.max(p[0], way[i - 1][0]) + CORNER]];
  }));
  const near = (left) => Math.min(Math.max(left, x), x + w - WIDTH);
  const places = [wanted, ...taken.flat()].map(near).sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted));
  return places.find((left) => !taken.some(([a, b]) => left > a + 0.5 && left < b - 0.5)) ?? near(wanted);
}

// A card that is shown in a longer place than its own stands in the middle of it: its links come up to it.
function clip(link, boxes) {
  for (const [item, i] of [[link.from, 0], [link.to, link.way.length - 1]]) {
    if (item >= inner) continue;
    const [x, y, w, h] = boxes.get(item), p = link.way[i];
    link.way[i] = [Math.min(Math.max(p[0], x), x + w), Math.min(Math.max(p[1], y), y + h)];
  }
}

function heightOf(item) { // of a folded scope; with the loss in it, it shows its value
  return holdsRoot(item) ? graph.tall : graph.high;
}

function cardOf(item) {
  return item < inner ? cards[item] : scopes[item - inner].card;
}

function pairs(way) {
  const points = [];
  for (let i = 0; i < way.length; i += 2) points.push([way[i], way[i + 1]]);
  return points;
}

function last(list) {
  return list[list.length - 1];
}

function boundsOf(boxes) {
  if (!boxes.length) return [0, 0, 1, 1];
  const least = (i) => boxes.reduce((low, box) => Math.min(low, box[i]), Infinity);
  const most = (i) => boxes.reduce((high, box) => Math.max(high, box[i] + box[i + 2]), -Infinity);
  return [least(0), least(1), most(0) - least(0), most(1) - least(1)];
}
