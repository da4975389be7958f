"""Train a 3072-7-1 network to tell birds from airplanes on real CIFAR-10.

It reads the official binary files from the folder $TENSORGRAD_DATA, which holds cifar-10-binary.tar.gz or, unpacked,
cifar-10-batches-bin; without either it downloads the archive (162 MiB) into that folder. It writes the loss curve and a
page of right and wrong images. Without data and network it says where to put which file, and exits with status 2.

The hand-written network takes pixels from 0 to 1; here the mean training image is subtracted. With all inputs positive,
one step of Adam, 0.001 on each of 3,072 weights, can move the sum of a relu unit below 0 for every image: it dies.
"""

import os
import sys
import tarfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from _graph import write_graph
from _options import options, write_json

import tensorgrad as tg

matplotlib.use("Agg")  # pictures go to files, also on a machine without a screen
from matplotlib import pyplot as plt

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5, ARCHIVE_SIZE = "c32a1d4ab5d03f1284b67883e8d87530", 170_052_171
ARCHIVE, FOLDER = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"
TRAIN, TEST = [f"data_batch_{i}.bin" for i in range(1, 6)], ["test_batch.bin"]
PIXELS = 3 * 32 * 32  # bytes of an image: all red, then all green, then all blue ones, row by row
RECORD = 1 + PIXELS  # a byte for the label comes first
IMAGES = 10_000  # in each official file
AIRPLANE, BIRD = 0, 2  # of the ten labels
EPOCHS = 30


class DataError(Exception):
    """The data are missing or damaged; the message says what to do."""


def home() -> Path:
    """Return the folder of the data."""
    return Path(os.environ.get("TENSORGRAD_DATA") or Path.home() / ".cache" / "tensorgrad")


def download(folder: Path, url: str = URL) -> None:
    """Fetch the archive into `folder` and check its sum."""
    try:
        import pooch

        downloader = pooch.HTTPDownloader(timeout=10, progressbar=True)
        pooch.retrieve(url, known_hash=f"md5:{MD5}", fname=ARCHIVE, path=folder, downloader=downloader)
    except (ImportError, OSError, ValueError) as error:  # no pooch; no network or disk; another sum
        raise DataError(
            f"CIFAR-10 is not in {folder}, and could not be downloaded:\n  {type(error).__name__}: {error}\n"
            f"Fetch {URL} by any other way ({ARCHIVE_SIZE:,} bytes, md5 {MD5}),\n"
            f"and put it at {folder / ARCHIVE}, or unpack it there, which makes {folder / FOLDER}.\n"
            "For another folder, set the environment variable TENSORGRAD_DATA."
        ) from error


def files(folder: Path, url: str = URL) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each of the six files, unpacked or from the archive."""
    if (folder / FOLDER).is_dir():
        for name in TRAIN + TEST:
            file = folder / FOLDER / name
            if not file.is_file():
                raise DataError(f"{file} is missing: {file.parent} must hold {', '.join(TRAIN + TEST)}")
            yield name, file.read_bytes()
        return
    archive = folder / ARCHIVE
    if not archive.is_file():
        download(folder, url)
    missing = {f"{FOLDER}/{name}": name for name in TRAIN + TEST}
    try:
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                if member.name in missing:
                    yield missing.pop(member.name), members.extractfile(member).read()
    except (EOFError, OSError, tarfile.TarError, zlib.error) as error:
        raise DataError(
            f"{archive} cannot be read ({error}): it has {archive.stat().st_size:,} bytes, "
            f"expected {ARCHIVE_SIZE:,}. Remove it, and it is downloaded again"
        ) from error
    if missing:
        raise DataError(f"{archive} lacks {', '.join(missing)}: expected the archive from {URL}")


def decode(name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (n, 3072) of birds and airplanes in a file, and labels (n, 1): 1 for a bird."""
    if not content or len(content) % RECORD:
        raise DataError(
            f"{name} has {len(content):,} bytes, expected {IMAGES * RECORD:,}: {IMAGES:,} records "
            f"of {RECORD:,} bytes, a label and {PIXELS:,} pixels"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0]
    if labels.max() > 9:
        place = int(np.argmax(labels > 9))
        raise DataError(f"{name} has label {labels[place]} in record {place}, expected 0 to 9: is it CIFAR-10's?")
    if len(records) != IMAGES:
        print(f"note: {name} has {len(records):,} images, the official one {IMAGES:,}")
    chosen = (labels == AIRPLANE) | (labels == BIRD)
    return records[chosen, 1:], (labels[chosen] == BIRD).reshape(-1, 1)


def load(folder: Path, url: str = URL) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training and test images (n, 3072) in [0, 1], and labels (n, 1): 1 for a bird, 0 for an airplane."""
    decoded = {name: decode(name, content) for name, content in files(folder, url)}
    parts = []
    for names in (TRAIN, TEST):
        X, y = (np.concatenate(arrays) for arrays in zip(*(decoded[name] for name in names), strict=True))
        if not len(X):
            raise DataError(f"there are no birds and airplanes in {', '.join(names)}")
        parts += [X / 255, y.astype(float)]
    return tuple(parts)


def draw_loss(history: tg.train.History, file: Path) -> None:
    """Plot the loss over the epochs, on training and on test images."""
    fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    epochs = range(1, len(history.loss) + 1)
    ax.plot(epochs, history.loss, marker="o", markersize=3, label="training images, mean over the epoch")
    ax.plot(epochs, history.validation, marker="o", markersize=3, label="test images, after the epoch")
    ax.set(xlabel="epoch", ylabel="cross entropy (nats)", title="3072-7-1 on CIFAR-10, bird against airplane, Adam")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.3)
    ax.legend()
    fig.savefig(file, dpi=120)
    plt.close(fig)


def draw_images(X: np.ndarray, y: np.ndarray, correct: np.ndarray, rng: np.random.Generator, file: Path) -> None:
    """Show images that were told right in the upper rows, and wrong in the lower ones."""
    fig, axes = plt.subplots(4, 6, figsize=(9, 6.9), layout="constrained")
    for half, (right, mask) in enumerate(((True, correct), (False, ~correct))):
        places = rng.permutation(np.flatnonzero(mask))[:12]
        for ax, place in zip(axes[2 * half : 2 * half + 2].flat, [*places, *[None] * 12], strict=False):
            ax.axis("off")
            if place is not None:
                name, other = ("bird", "airplane") if y[place] else ("airplane", "bird")
                ax.imshow(X[place].reshape(3, 32, 32).transpose(1, 2, 0))  # colours last
                ax.set_title(name if right else f"{name},\ntaken for {other}", fontsize=9)
    fig.suptitle(f"{correct.sum():,} right (two rows above), {(~correct).sum():,} wrong (two rows below)")
    fig.savefig(file, dpi=120)
    plt.close(fig)


def main() -> None:
    """Train, print the accuracy, write the pictures."""
    args = options(__doc__)
    try:
        X, y, X_test, y_test = load(home())
    except DataError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if args.quick:
        X, y = X[:1024], y[:1024]
    epochs = 1 if args.quick else EPOCHS
    print(f"{len(X):,} training and {len(X_test):,} test images")

    started = time.perf_counter()
    mean = X.mean(axis=0)
    rng = np.random.default_rng(args.seed)
    model = tg.nn.MLP([PIXELS, 7, 1], activation="relu", init="he", rng=rng)
    history = tg.train.fit(
        model, tg.nn.binary_cross_entropy, tg.optim.Adam(model.parameters(), lr=0.001), X - mean, y,
        epochs=epochs, batch_size=128, validation=(X_test - mean, y_test), rng=rng,
    )  # fmt: skip
    accuracy, correct, _ = tg.train.evaluate(model, X_test - mean, y_test)
    print(f"\ntest accuracy after {epochs} epochs with Adam: {accuracy:.4f} ({time.perf_counter() - started:.1f} s)")

    draw_loss(history, args.out / "cifar_loss.png")
    draw_images(X_test, y_test, correct, np.random.default_rng(args.seed), args.out / "cifar_images.png")
    print(f"pictures: {args.out / 'cifar_images.png'}, {args.out / 'cifar_loss.png'}")
    write_graph(args.out / "cifar_graph", model, X[:128] - mean, y[:128])
    write_json(args.json, {"accuracy": accuracy, "epochs": epochs, "loss": history.loss})


if __name__ == "__main__":
    main()
