// Makes elements. Names and source lines enter as text nodes alone, so that nothing in them is read as markup.
const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);

function put(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function h(tag, attributes, ...children) {
  return put(document.createElement(tag), attributes, children);
}

function s(tag, attributes, ...children) {
  return put(document.createElementNS(SVG, tag), attributes, children);
}

// Text of a card is measured in the reader's fonts, so that it stays within its card.
const ruler = document.createElement("canvas").getContext("2d");
const FACES = {
  title: ["700 14px", "sans"], scope: ["600 13px", "sans"], small: ["400 10.5px", "sans"], strong: ["600 10.5px", "sans"],
  number: ["700 25px", "sans"], mono: ["400 11px", "mono"], note: ["400 11px", "mono"],
};
const styles = getComputedStyle(document.documentElement);
const families = { sans: styles.getPropertyValue("--sans"), mono: styles.getPropertyValue("--mono") };

function widthOf(text, face) {
  ruler.font = `${FACES[face][0]} ${families[FACES[face][1]]}`;
  return ruler.measureText(text).width * 1.02;
}

function fitted(text, face, room) { // the text, without its end where it is too long
  if (widthOf(text, face) <= room) return text;
  const letters = [...text];
  let low = 0, high = letters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(`${letters.slice(0, middle).join("")}…`, face) <= room) low = middle; else high = middle - 1;
  }
  return low ? `${letters.slice(0, low).join("")}…` : "";
}

function label(text, face, x, y, room, more = {}) {
  const { tone, ...rest } = more;
  return s("text", { class: `t-${face} ${tone || ""}`, x, y, ...rest }, fitted(text, face, room));
}

function lines(text, face, room, most) { // the text in at most so many lines
  const made = [];
  let rest = text.split(" ");
  while (rest.length && made.length < most) {
    let n = rest.length;
    if (made.length < most - 1) while (n > 1 && widthOf(rest.slice(0, n).join(" "), face) > room) n--;
    made.push(rest.slice(0, n).join(" "));
    rest = rest.slice(n);
  }
  return made;
}

// One path for all bars; what is not zero is seen.
function bars(counts, x, y, width, height) {
  const heights = bytesOf(counts), step = width / (heights.length || 1);
  const gap = step > 5 ? 1 : step * 0.12;
  let path = "";
  heights.forEach((n, i) => {
    if (!n) return;
    const tall = Math.max(1, (height * n) / 255);
    path += `M${(x + i * step).toFixed(1)} ${(y + height).toFixed(1)}v${(-tall).toFixed(1)}h${(step - gap).toFixed(2)}v${tall.toFixed(1)}z`;
  });
  return path;
}

function rounded(way) { // a path along the points, with round corners
  let path = `M${way[0].map(fixed)}`;
  for (let i = 1; i < way.length - 1; i++) {
    const [before, here, after] = [way[i - 1], way[i], way[i + 1]];
    const towards = (p) => {
      const length = Math.hypot(p[0] - here[0], p[1] - here[1]) || 1;
      const part = Math.min(10, length / 2) / length;
      return [here[0] + (p[0] - here[0]) * part, here[1] + (p[1] - here[1]) * part];
    };
    path += `L${towards(before).map(fixed)}Q${here.map(fixed)} ${towards(after).map(fixed)}`;
  }
  return `${path}L${last(way).map(fixed)}`;
}

function fixed(v) {
  return Math.round(v * 10) / 10;
}
