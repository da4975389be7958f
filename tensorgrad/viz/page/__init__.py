"""Writes a graph as an interactive page: one file of HTML, which needs no network and no library."""

import base64
import hashlib
import html
import json
from importlib.resources import files

from tensorgrad.viz.ir import GraphIR
from tensorgrad.viz.page.data import data_of

__all__ = ["to_html"]

SCRIPTS = (
    "model.js",
    "places.js",
    "elements.js",
    "cards.js",
    "canvas.js",
    "panel.js",
    "drawing.js",
    "actions.js",
    "page.js",
)


def to_html(ir: GraphIR, folded: frozenset[str] = frozenset()) -> str:
    """Return the page of a forward graph, in which one folds scopes, searches, inspects and steps through backprop.

    folded: ids of the scopes that are folded at first; on the page they can be unfolded.
    The page loads nothing: a content security policy forbids it all but its own script and style, by their digests.
    Raises ValueError if the graph is of another view, or if there is no scope of an id in `folded`.

    >>> from tensorgrad.viz.ir import Card, Edge
    >>> w, y = (Card(id, kind, id, id, (2,), "f64", 16) for id, kind in (("w", "parameter"), ("y", "op")))
    >>> to_html(GraphIR([w, y], [Edge("w", "y", 0)]))[:15]
    '<!doctype html>'
    """
    if ir.view != "forward":
        raise ValueError(f"a page steps through the backward pass of a forward graph, got view={ir.view!r}")
    unknown = folded - {scope.id for scope in ir.scopes}
    if unknown:
        raise ValueError(f"cannot fold {min(unknown)!r}: the graph has no scope of this id")
    script = "(() => {\n'use strict';\n" + "\n".join(map(text, SCRIPTS)) + "})();\n"
    style = text("page.css")
    data = data_of(ir, folded)
    packed = json.dumps(data, separators=(",", ":"), allow_nan=False)
    parts = {
        "title": html.escape(data["heading"]),
        "policy": f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "data": packed.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        "script": script,
    }
    page, *rest = text("page.html").split("{{")
    for part in rest:  # each place is filled once: what is put in is not looked through
        name, _, after = part.partition("}}")
        page += parts[name] + after
    return page


def text(name: str) -> str:
    """Return a file of this folder."""
    return (files(__name__) / name).read_text(encoding="utf-8")


def digest(code: str) -> str:
    """Return what a content security policy calls a script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
