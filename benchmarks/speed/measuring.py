"""What measuring a large set takes: `python -m benchmarks.speed.measuring --captions 100000 --pictures 10000`.

Captions of drawn scenes with words of their own, and drawn scenes enlarged, are written into a temporary folder and
measured by the command itself, every item and picture, with the judge that ships.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tabulate import tabulate

from datamodules.scenes.dataset import Scenes

CHUNK = 500


def _captions(file: Path, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = Scenes(domain="shapes", seed=seed, sizes={"train": n})
    with file.open("w") as out:
        for start in range(0, n, CHUNK):
            for texts in data.captions("train", np.arange(start, min(n, start + CHUNK))):
                out.write(f"{texts[0]}, number {int(rng.integers(10**6))}\n")


def _pictures(folder: Path, n: int, side: int, seed: int) -> None:
    folder.mkdir()
    data = Scenes(domain="shapes", seed=seed, sizes={"train": n})
    rng = np.random.default_rng(seed)
    for start in range(0, n, CHUNK):
        numbers = np.arange(start, min(n, start + CHUNK))
        for i, pixels in zip(numbers, data.images("train", numbers), strict=True):
            large = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC), np.int16)
            noisy = np.clip(large + rng.integers(-8, 9, (side, side, 1)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"{i:06d}.jpg", quality=90)


def _measured(folder: Path, words: list[str]) -> tuple[float, float, float]:
    """Return seconds, seconds of processors, and the largest memory in GiB of one command."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "benchmarks", "measure", *words, "--out", str(folder / "out")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, spent, after.ru_maxrss / 2**20


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--captions", type=int, default=100_000)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=256)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="mmcollapse-") as home:
        folder = Path(home)
        if options.pictures:
            _pictures(folder / "set", options.pictures, options.side, 0)
            _pictures(folder / "real", 2 * options.pictures, options.side, 1)
            words = [str(folder / "set"), "--against", str(folder / "real"), "--most"]
            for most in (2_000, options.pictures):
                name = f"{options.pictures:,} pictures of {options.side} x {options.side}, {most:,} of them measured"
                rows.append((name, *_measured(folder, [*words, str(most)])))
        if options.captions:
            _captions(folder / "set.txt", options.captions, 0)
            _captions(folder / "real.txt", 2 * options.captions, 1)
            words = [str(folder / "set.txt"), "--against", str(folder / "real.txt"), "--most"]
            for most in (2_000, options.captions):
                name = f"{options.captions:,} captions, {most:,} of them measured"
                rows.append((name, *_measured(folder, [*words, str(most)])))
    print(
        tabulate(rows, ("a set, beside twice as many real items", "s", "s of a core", "GiB"), "github", floatfmt=".3g")
    )


if __name__ == "__main__":
    main()
