"""Build mnist_3v7.npz, the threes and sevens of MNIST, from the four gzipped IDX files of the whole.

    python examples/data/make_mnist_3v7.py FOLDER

FOLDER holds train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, and the same for t10k.
"""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np


def read_idx(file: Path) -> np.ndarray:
    """Return the array in a gzipped IDX file of bytes: a header of big-endian numbers, then the elements."""
    content = gzip.decompress(file.read_bytes())
    zeros, kind, axes = struct.unpack(">HBB", content[:4])
    if zeros != 0 or kind != 8:
        raise ValueError(f"{file} is no IDX file of bytes: it starts with {content[:4].hex()}, expected 000008..")
    shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def main(folder: Path) -> None:
    """Write the file beside this script."""
    arrays = {}
    for name, prefix in (("train", "train"), ("test", "t10k")):
        images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz")
        digits = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz")
        chosen = (digits == 3) | (digits == 7)
        arrays[f"{name}_images"] = images[chosen]
        arrays[f"{name}_labels"] = (digits[chosen] == 3).astype(np.uint8)  # 1 is the digit 3, 0 the digit 7
    target = Path(__file__).with_name("mnist_3v7.npz")
    np.savez_compressed(target, **arrays)
    print(f"{target}: " + ", ".join(f"{name} {array.shape}" for name, array in arrays.items()))


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
