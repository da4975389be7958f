"""Makes PNG of SVG by the optional rasterizer resvg-py, and PDF by CairoSVG."""

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tensorgrad.viz.writers.svg import MONO, SANS

MOST = 100e6  # pixels of a picture: larger ones are drawn smaller
LEAST_SCALE = 0.25  # below which nothing can be read
FONTS = {"sans_serif_family": "DejaVu Sans", "monospace_family": "DejaVu Sans Mono"}  # if those named are not there
PROBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="9" font-family="sans-serif">{}</text></svg>'
)


def to_png(svg: str, scale: float = 2.0) -> bytes:
    """Return an SVG picture as PNG, `scale` pixels to each of its own; fewer, if that were more than 100 million.

    Fonts are those of the system, and those that come with Matplotlib if it is installed.
    Raises RuntimeError if resvg-py is not installed, if there are no fonts at all, or if the picture is too large.
    """
    if find_spec("resvg_py") is None:
        raise RuntimeError(
            "a .png file needs the rasterizer resvg-py, which is not installed: pip install resvg-py, "
            'or write .save("graph.svg"), which needs nothing'
        )
    width, height = size(svg)
    fitting = min(scale, (MOST / (width * height)) ** 0.5)
    if fitting < LEAST_SCALE:
        raise RuntimeError(
            f"a picture of {width:.0f} by {height:.0f} is too large for a .png file that can be read: "
            'pass depth= to draw less, or write .save("graph.svg")'
        )
    if not has_fonts():
        raise RuntimeError(
            "no fonts were found, and letters would be missing in a .png file: install some, such as DejaVu, "
            'or write .save("graph.svg")'
        )
    return render(svg, zoom=fitting)


def to_pdf(svg: str) -> bytes:
    """Return an SVG picture as PDF, of lines and letters, not of pixels.

    Raises RuntimeError if CairoSVG, or the library cairo that it calls, is not installed, or if it fails.
    """
    try:
        cairosvg = import_module("cairosvg")
    except (ImportError, OSError) as error:  # OSError: the library is missing
        raise RuntimeError(
            f"a .pdf file needs CairoSVG and the library cairo, which were not found ({error}): "
            'pip install cairosvg, or write .save("graph.svg"), which needs nothing'
        ) from error
    for fonts, first in ((MONO, "DejaVu Sans Mono"), (SANS, "Helvetica")):  # of a list it takes the first, there or not
        svg = svg.replace(fonts, first)
    try:
        return bytes(cairosvg.svg2pdf(bytestring=svg.encode()))
    except Exception as error:
        raise RuntimeError(
            f'cairo could not draw the graph: {error}. .save("graph.svg") needs no other program'
        ) from error


def size(svg: str) -> tuple[float, float]:
    """Return the width and height that a picture says.

    >>> size('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20.5"/>')
    (40.0, 20.5)
    """
    head = svg[svg.index("<svg") : svg.index(">", svg.index("<svg"))]
    width, height = (float(head.split(f' {side}="')[1].split('"')[0]) for side in ("width", "height"))
    return width, height


def render(svg: str, **options: Any) -> bytes:
    """Return a picture as PNG."""
    return bytes(
        import_module("resvg_py").svg_to_bytes(svg_string=svg, font_dirs=matplotlib_fonts(), **FONTS, **options)
    )


def matplotlib_fonts() -> list[str]:
    """Return the folder of the fonts that Matplotlib brings, if it is installed."""
    found = find_spec("matplotlib")
    places = found.submodule_search_locations if found else None
    folders = [Path(place) / "mpl-data" / "fonts" / "ttf" for place in places or ()]
    return [str(folder) for folder in folders if folder.is_dir()]


@lru_cache(maxsize=1)
def has_fonts() -> bool:
    """Whether a letter leaves a trace in a picture."""
    return render(PROBE.format("M")) != render(PROBE.format(""))
