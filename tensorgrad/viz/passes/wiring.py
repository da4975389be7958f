"""Tells whether blocks of steps read the same: of each other, of the block before, and from outside."""

from collections.abc import Iterator, Sequence

from tensorgrad.viz.passes.steps import Item, Read, Steps


def alike(steps: Steps, items: Sequence[Item], low: int, period: int, times: int) -> list[tuple[int, int]]:
    """Return the parts of a stretch in which each block is wired as the next, by their start and repetitions."""
    size = sum(steps.size[item] for item in items[low : low + period])
    start = steps.start[items[low]]
    end = start + size * times
    parts = []
    begin = 0
    for i in range(times):
        block = range(end - size * (times - i), end - size * (times - i - 1))
        if i == times - 1 or not all(same_reads(steps, step, step + size, start, end) for step in block):
            parts.append((low + begin * period, i + 1 - begin))
            begin, start = i + 1, block.stop
    return parts


def same_reads(steps: Steps, one: int, other: int, start: int, end: int) -> bool:
    """Whether a step reads what the step one block on reads; start and end are those of all blocks."""
    reads, later = steps.reads[one], steps.reads[other]
    return len(reads) == len(later) and all(
        same_read(steps, a, b, other - one, start, end) for a, b in zip(reads, later, strict=True)
    )


def same_read(steps: Steps, one: Read, other: Read, size: int, start: int, end: int) -> bool:
    """Whether one argument is to a step what another is to the step one block on, which is `size` steps long."""
    (a, source, what), (b, later, whatever) = one, other
    x, y = steps.ir.cards[what], steps.ir.cards[whatever]
    if a != b or (x.shape, x.dtype) != (y.shape, y.dtype):
        return False
    if start <= later < end and later - size >= start:
        return source == later - size  # as far back
    if start <= source < end:
        return False
    return start <= later < end or (x.kind == "parameter") == (y.kind == "parameter")


def begins(steps: Steps, items: Sequence[Item], low: int, period: int) -> bool:
    """Whether the block before the first is one, too, but has numbers where others read the block before: 0.0 + x."""
    if low < period:
        return False
    n = len(steps.ir.cards)
    start, first = steps.start[items[low - period]], steps.start[items[low]]
    size = first - start
    for item, later in zip(items[low - period : low], items[low : low + period], strict=True):
        one, other = steps.start[item], steps.start[later]
        if other - one != size or steps.size[item] != steps.size[later]:
            return False
        if steps.tokens[item] != steps.tokens[later]:
            if item >= n or later >= n or len(steps.reads[one]) == len(steps.reads[other]):
                return False
            a, b = steps.ir.cards[item], steps.ir.cards[later]
            if (a.title, a.shape, a.dtype, a.count) != (b.title, b.shape, b.dtype, b.count):
                return False
    for step in range(start, first):
        reads = {argument: read for read in steps.reads[step] for argument in read[:1]}
        for read in steps.reads[step + size]:
            found = reads.pop(read[0], None)
            if found is None and not start <= read[1] < first:
                return False
            if found is not None and not same_read(steps, found, read, size, start, first + size):
                return False
        if reads:
            return False
    return True


def entering(steps: Steps, start: int, size: int) -> Iterator[int]:
    """Yield the leaves that the first block reads where later ones read the block before: what a loop starts from."""
    for step in range(start, start + size):
        carried = {argument for argument, source, _ in steps.reads[step + size] if source >= 0}
        yield from (card for argument, source, card in steps.reads[step] if source < 0 and argument in carried)
