"""Parts of a study that were made cheaper, each beside the plain way, on one thread of a processor.

    python -m lightning_modules.speed.parts

Both ways run in turn and the ratio is taken pair by pair, so that a machine that is busy with other work slows both.
Sizes are those of the real thing where a processor can do it in seconds (the noise), and small elsewhere.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from datamodules.pairs import Pairs
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.captioning.decoding import GumbelNoise
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.seeds import streams_of
from lightning_modules.settings import FitSettings, Lora
from lightning_modules.weights import shared

BASES = Path(__file__).parents[1] / "bases" / "scenes"
#: Captions side by side, words of OPT's vocabulary, and tokens of each caption, end included.
CAPTIONS, WORDS, LENGTHS = 64, 50272, np.linspace(7, 20, 64).astype(int)
END = 2


def compared(plain: Callable[[], object], ours: Callable[[], object], turns: int = 7) -> tuple[float, float, float]:
    """Return the median seconds of both ways and the median of plain over ours, pair by pair, after a first of each."""
    plain()
    ours()
    pairs = [(_seconds(plain), _seconds(ours)) for _ in range(turns)]
    return median(p for p, _ in pairs), median(o for _, o in pairs), median(p / o for p, o in pairs)


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def plain_noise() -> None:
    """Draw noise for every row at every token, stacked from rows."""
    streams = streams_of(range(CAPTIONS))
    for _ in range(max(LENGTHS)):
        torch.stack([-torch.empty(WORDS).exponential_(generator=stream).log() for stream in streams])


def our_noise() -> None:
    """Draw noise for what still writes."""
    noise, scores = GumbelNoise(streams_of(range(CAPTIONS)), [END]), torch.zeros(CAPTIONS, WORDS)
    for step in range(max(LENGTHS)):
        ids = torch.where(torch.arange(step) >= torch.from_numpy(LENGTHS)[:, None] - 1, END, 5)
        noise(ids, scores)


def features(keep: bool) -> Callable[[], None]:
    """Return a fit of BLIP's adapter for forty steps on 32 pictures, which keeps what it saw or looks again."""
    pictures = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), np.uint8)
    texts = ("a small red circle above a blue square",) * 32
    pairs = Pairs(ids=np.arange(32), images=pictures, captions=texts, prompts=texts, origin=np.zeros(32, int))

    def fit() -> None:
        module = CaptionerModule.load(BASES / "blip")
        module.keep_features = keep
        module.fit_pairs(pairs, FitSettings(40, 1e-3, 32, lora=Lora(4, 4.0)), 0)

    return fit


def adapters(folder: Path, share: bool) -> Callable[[], None]:
    """Return the loading of five adapters on one base."""

    def load() -> None:
        with shared.sharing(share):
            held = [GeneratorModule.load(folder) for _ in range(5)]
        assert len(held) == 5

    return load


def main() -> None:
    """Print a table."""
    torch.set_num_threads(1)
    print("| | plain, s | ours, s | times faster |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        adapter = _adapter(Path(folder) / "adapter")
        rows: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "noise of 64 sampled captions of 7 to 20 tokens, OPT's vocabulary": (plain_noise, our_noise),
            "40 steps of BLIP's adapter, what it sees kept": (features(False), features(True)),
            "five adapters on one small base, loaded": (adapters(adapter, False), adapters(adapter, True)),
        }
        for name, (plain, ours) in rows.items():
            slow, fast, ratio = compared(plain, ours)
            print(f"| {name} | {slow:.2f} | {fast:.2f} | {ratio:.2f} |", flush=True)


def _adapter(folder: Path) -> Path:
    module, words = GeneratorModule.load(BASES / "sdxl_unet"), ("a red circle",) * 2
    images = np.zeros((2, 32, 32, 3), np.uint8)
    pairs = Pairs(ids=np.arange(2), images=images, captions=words, prompts=words, origin=np.zeros(2, int))
    module.fit_pairs(pairs, FitSettings(1, 1e-3, 2, lora=Lora(4, 4.0)), 0)
    module.save(folder)
    return folder


if __name__ == "__main__":
    main()
