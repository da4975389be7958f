"""Finds where a sequence repeats itself: stretches of at least three equal blocks, one behind the other."""

from collections.abc import Sequence

import numpy as np

FEWEST = 3  # repetitions: two alike are a coincidence


def periodic(tokens: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return the longest stretches that consist of repetitions: where each starts, where it ends, and its period.

    The last repetition need not be complete. Periods are the shortest there are. Takes n log² n time: stretches of
    1, 2, 4, … tokens get names, from those of their halves, and where names come back after no more than their own
    length, this is the period (Karp, Miller, Rosenberg 1972, "Rapid identification of repeated patterns").

    >>> periodic([7, 1, 2, 1, 2, 1, 2, 1])
    [(1, 8, 2)]
    >>> periodic([5, 5, 5]), periodic([1, 2, 1, 2])
    ([(0, 3, 1)], [])
    """
    n = len(tokens)
    names = np.unique(np.asarray(tokens, np.int64), return_inverse=True)[1].astype(np.int64)
    found = []
    length = 1
    while FEWEST * (length // 2 + 1) <= n and len(names):
        order = np.argsort(names, kind="stable")
        again = names[order[1:]] == names[order[:-1]]
        distance = np.zeros(len(names), np.int64)  # to where the same comes next
        distance[order[:-1][again]] = (order[1:] - order[:-1])[again]
        distance[(distance > length) | (2 * distance <= length)] = 0  # too far, or found at a shorter length
        starts = np.flatnonzero(np.diff(distance, prepend=-1))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(names)], strict=True):
            period = int(distance[start])
            stop = end - 1 + length + period
            if period and stop - start >= FEWEST * period:
                found.append((start, stop, period))
        if len(names) <= length:
            break
        pairs = names[:-length] * (n + 1) + names[length:]
        names = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
        length *= 2
    return sorted(found)
