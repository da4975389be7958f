// Cards that a link runs over on its way between two others: for test_page.py.
() => {
  const boxes = [...document.querySelectorAll(".item:not(.title)")].map((g) => {
    const { e, f } = new DOMMatrix(getComputedStyle(g).transform), { width, height } = g.querySelector(".face").getBBox();
    return [g.dataset.item, e + 1, f + 1, e + width - 1, f + height - 1];
  });
  const over = ({ x, y }, [, left, top, right, bottom]) => x > left && x < right && y > top && y < bottom;
  return [...document.querySelectorAll(".link")].flatMap((path) => {
    const { from, to } = path.dataset, parts = 80, length = path.getTotalLength();
    const points = Array.from({ length: parts + 1 }, (_, i) => path.getPointAtLength((length * i) / parts));
    const crossed = boxes.filter((box) => box[0] !== from && box[0] !== to && points.some((point) => over(point, box)));
    return crossed.map(([item]) => `${item} by ${from} to ${to}`);
  });
}
