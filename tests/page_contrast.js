// The texts of the page that stand out too little from what is behind them (WCAG 2.2, 1.4.3): for test_page.py.
() => {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parts = (colour) => {
    probe.clearRect(0, 0, 1, 1);
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (colour) => {
    const [r, g, b] = parts(colour).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const shown = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    && element.getClientRects().length && !element.closest("title, script, style, noscript, .unseen, .skip, :disabled");
  const behind = (element) => {
    const item = element.closest(".item"), face = item && item.querySelector(".face");
    if (item) return face ? getComputedStyle(face).fill : getComputedStyle(element).stroke; // a title has a halo
    let up = element;
    while (parts(getComputedStyle(up).backgroundColor)[3] === 0) up = up.parentElement;
    return getComputedStyle(up).backgroundColor;
  };
  const poor = [...document.querySelectorAll("body *")].filter(shown).map((element) => {
    const style = getComputedStyle(element), svg = element.namespaceURI.endsWith("svg");
    const [a, b] = [luminance(svg ? style.fill : style.color), luminance(behind(element))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element];
  }).filter(([ratio]) => ratio < 4.5);
  return [...new Set(poor.map(([ratio, e]) => `${e.textContent.slice(0, 30)} (${e.getAttribute("class")}): ${ratio.toFixed(2)}`))];
}
