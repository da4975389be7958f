// What the page draws and where, in its own units: for test_page.py, which evaluates it in a browser.
() => {
  const scale = new DOMMatrix(getComputedStyle(document.getElementById("stage")).transform).a;
  const boxOf = (element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return [x / scale, y / scale, width / scale, height / scale];
  };
  const beyond = (text, face) => {
    const a = text.getBBox(), b = face.getBBox();
    return a.width && (a.x < b.x || a.y < b.y || a.x + a.width > b.x + b.width || a.y + a.height > b.y + b.height);
  };
  const cardOf = (g) => {
    const face = g.querySelector(".face"), texts = [...g.querySelectorAll(".inside text")];
    return {
      item: Number(g.dataset.item), title: g.getAttribute("aria-label"), class: g.getAttribute("class"), box: boxOf(face),
      text: texts.map((text) => text.textContent),
      out: texts.filter((text) => beyond(text, face)).map((text) => text.textContent),
    };
  };
  const endOf = (path, at) => {
    const { x, y } = path.getPointAtLength(at).matrixTransform(path.getScreenCTM());
    return [x / scale, y / scale];
  };
  const linkOf = (path) => ({
    from: Number(path.dataset.from), to: Number(path.dataset.to), class: path.getAttribute("class"),
    start: endOf(path, 0), end: endOf(path, path.getTotalLength()),
  });
  const all = (what) => [...document.querySelectorAll(what)];
  return {
    cards: all(".item:not(.title)").map(cardOf), frames: all(".frame").map(boxOf), links: all(".link").map(linkOf),
    titles: all(".item.title").map((g) => g.getAttribute("aria-label")),
  };
}
