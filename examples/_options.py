"""The options that every example has."""

import argparse
import json
from pathlib import Path
from typing import Any


def options(description: str | None, *, seed: int = 0, extra: Any = None, pictures: bool = True) -> argparse.Namespace:
    """Read the command line: --seed, --json, --quick, with `pictures` --out, and what `extra(parser)` adds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=natural, default=seed, help="where random numbers start (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    if pictures:
        parser.add_argument(
            "--out", type=Path, metavar="DIR", default="out", help="for pictures (default: %(default)s)"
        )
    parser.add_argument("--quick", action="store_true", help="a short run, to see that everything works")
    if extra is not None:
        extra(parser)
    args = parser.parse_args()
    try:
        if pictures:
            args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: {error}")
    return args


def natural(text: str) -> int:
    """Return a number from 0 upwards."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 upwards")
    return int(text)


def write_json(file: Path | None, figures: dict[str, Any]) -> None:
    """Write the figures to `file`, if one was asked for."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures, indent=1) + "\n")
        print(f"figures: {file}")
