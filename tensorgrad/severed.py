"""Finds where the path of a gradient was cut: which leaf got none, by what, on which line, and what to do."""

import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tensorgrad.errors import Stamp, made_at, shown, user_place
from tensorgrad.nn.module import Module
from tensorgrad.node import Leaf, Node

Place = tuple[str, int]
Cut = tuple[str, Place, str]  # how, where, and the cure


class SeveredGradientWarning(UserWarning):
    """A tensor that requires a gradient got none from `backward()`."""


class Severed(NamedTuple):
    """A leaf that got no gradient."""

    leaf: str  # its name, or the line that made it
    how: str  # what cut its path, as ".data"
    place: Place  # where: the file and the number of the line
    cure: str

    @property
    def line(self) -> str:
        """The line that cut the path, as 'file.py:12: h = x.data'."""
        return shown(*self.place)


class Kind(NamedTuple):
    """A way to cut a path. Of several on a leaf's paths, the one with the lowest rank is named first."""

    how: str  # after "its path was cut by"
    cure: str
    rank: int = 0


FREEZE = "If that is meant, freeze it: t.requires_grad = False"
LEFT = "use the tensor itself: operators, methods and NumPy's functions take it"
KINDS = {name: Kind(how, LEFT) for name, how in {"data": ".data", "numpy": ".numpy()", "tolist": ".tolist()"}.items()}
KINDS["item"] = Kind(".item()", f"{LEFT}, and a tensor of one element is a number to them")
KINDS["detach"] = Kind(".detach()", "leave it out")
KINDS["tensor"] = Kind(
    "tg.tensor(t), which copies the values alone", "use the tensor itself, and np.stack to join some"
)
KINDS["no_grad"] = Kind("no_grad", "compute it outside of `with tg.no_grad()`, or within `with tg.enable_grad()`")
KINDS["integers"] = Kind("a cast to integers", "compute with floating-point numbers; round for the output only")


UNREACHED = Kind("not leading to the loss", "add what comes of it to the loss", 3)
UNUSED = Kind("not being used", "use it in forward()", 4)


def constant_almost_everywhere(name: str) -> Kind:
    """Return the cut by a function such as np.round."""
    cure = "its slope is 0 everywhere; to act as if it were 1, write x + (f(x) - x).detach()"
    return Kind(f"{name}(), which is constant almost everywhere", cure, 1)


def plain(name: str) -> Kind:
    """Return the cut by a comparison, or another function whose result is a mask, an index or a fact."""
    return Kind(f"{name}(), whose result has no gradient", "a smooth function in its place: a sigmoid, a softmax", 2)


class Cuts:
    """What was seen in a block: where values left the graph, which leaves were used, which got a gradient."""

    def __init__(self) -> None:
        self.cuts: dict[tuple[Place, Kind], set[Leaf]] = {}  # the latest last
        self.seen: dict[tuple[Place, Kind], set[int]] = {}  # the numbers of the nodes that a cut has been through
        self.used: dict[Leaf, Stamp] = {}  # with the number of the last step that did
        self.modules: dict[int, tuple[Module, Place]] = {}  # that were called, and where
        self.got: set[Leaf] = set()
        self.tried = False  # whether there was a backward()

    def cut(self, kind: Kind, nodes: Iterable[Node | None]) -> None:
        """Note that values left the graph here: those of `nodes`."""
        key = user_place(), kind
        leaves = set(own(came_from(nodes, self.seen.setdefault(key, set()))))
        if leaves := leaves | self.cuts.pop(key, set()):
            self.cuts[key] = leaves

    def use(self, inputs: Iterable[Node | None], number: Stamp) -> None:
        """Note a recorded step."""
        self.used.update((leaf, number) for leaf in own(inputs))

    def call(self, module: Module) -> None:
        """Note the call of a module."""
        if id(module) not in self.modules:
            self.modules[id(module)] = module, user_place()

    def get(self, nodes: Iterable[Node]) -> None:
        """Note what a pass gave gradients to."""
        self.got.update(own(nodes))

    def end(self) -> None:
        """Note that a `backward()` has come to its end."""
        self.tried = True
        self.seen.clear()

    @property
    def severed(self) -> list[Severed]:
        """Return each leaf that has no gradient from any pass so far, and the likeliest cut of its path."""
        return [found[0] for found in self.by_leaf().values()]

    def by_leaf(self) -> dict[Leaf, list[Severed]]:
        """Return for each leaf that has no gradient where that may come from, the likeliest first."""
        if not self.tried:
            return {}
        found: dict[Leaf, list[Severed]] = {}
        for (place, kind), leaves in sorted(reversed(self.cuts.items()), key=lambda item: item[0][1].rank):
            for leaf in leaves:
                found.setdefault(leaf, []).append(Severed(name_of(leaf), kind.how, place, kind.cure))
        for leaf, number in self.used.items():
            found.setdefault(leaf, [Severed(name_of(leaf), UNREACHED.how, number.place, UNREACHED.cure)])
        for leaf, path, place in self.parameters():
            found.setdefault(leaf, [Severed(repr(path), UNUSED.how, place, UNUSED.cure)])
        oldest_first = sorted(found.items(), key=lambda item: -item[0].seq)
        return {leaf: cuts for leaf, cuts in oldest_first if leaf not in self.got}

    def parameters(self) -> Iterator[tuple[Leaf, str, Place]]:
        """Yield the parameters, not frozen, of the modules that were called."""
        for module, place in self.modules.values():
            for path, p in module.named_parameters():
                if isinstance(p.node, Leaf):
                    yield p.node, p.name or path, place

    def warn(self) -> None:
        """Warn of each leaf that has no gradient, at the line that cut its path; of several that it cut off, once."""
        groups: dict[tuple[Cut, ...], list[str]] = {}
        for cuts in self.by_leaf().values():
            groups.setdefault(tuple((cut.how, cut.place, cut.cure) for cut in cuts), []).append(cuts[0].leaf)
        for reasons, names in groups.items():
            filename, number = reasons[0][1]
            warnings.warn_explicit(told(names, reasons), SeveredGradientWarning, filename, number)


def came_from(nodes: Iterable[Node | None], seen: set[int]) -> Iterator[Node]:
    """Yield nodes and what they came from, except what was `seen`: a loop that cuts goes through its record once."""
    stack = [node for node in nodes if node is not None]
    while stack:
        node = stack.pop()
        if node.seq not in seen:
            seen.add(int(node.seq))
            stack.extend(source for source in node.inputs if source is not None)
            yield node


def own(nodes: Iterable[Node | None]) -> Iterator[Leaf]:
    """Yield the leaves of the user; a transform makes more, for itself."""
    return (node for node in nodes if isinstance(node, Leaf) and not hasattr(node.seq, "inner"))


def told(names: list[str], cuts: Iterable[Cut]) -> str:
    """Return the text of a warning: which leaves got no gradient, and what may have cut their paths."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    (how, place, cure), *others = cuts
    why = {
        UNREACHED.how: f"what it was used for, at {shown(*place)}, is not what backward() was called on",
        UNUSED.how: f"no recorded step used it, in the call at {shown(*place)}",
    }.get(how, f"its path was cut by {how}, at {shown(*place)}")
    lines = [f"{', '.join(names[:3])}{more} got no gradient", f"  {why}"]
    lines += [f"  or by {how}, at {shown(*place)}" for how, place, _ in others[:2]]
    return "\n".join([*lines, f"  cure: {cure}. {FREEZE}"])


def name_of(leaf: Leaf) -> str:
    """Return what a warning calls a leaf."""
    name = repr(leaf.name) if hasattr(leaf, "name") else f"a leaf of shape {leaf.shape}"
    return name if hasattr(leaf, "name") else name + made_at(leaf.seq, "made")
