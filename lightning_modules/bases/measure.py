"""Measure the shipped bases, write it on their cards: `python -m lightning_modules.bases.measure [NAME...]`."""

from __future__ import annotations

import argparse

from lightning_modules.bases.quality import base_class, measure_quality
from lightning_modules.bases.recipes import SCENES
from lightning_modules.bases.train import chosen, home, named
from lightning_modules.settings import ImageDecoding
from lightning_modules.weights import cards

#: How generators are drawn from for their cards: as the scenes suites do.
DECODING = ImageDecoding(steps=10, guidance=2.0)


def main(arguments: list[str] | None = None) -> None:
    """Measure every base named, or all that are there."""
    parser = argparse.ArgumentParser(prog="python -m lightning_modules.bases.measure", description=__doc__)
    parser.add_argument("names", nargs="*", help="bases to measure (default: all that ship)")
    parser.add_argument("--items", type=int, default=512, help="held-out items")
    options = parser.parse_args(arguments)
    for name in chosen(options.names, parser):
        folder, data = home() / name, SCENES[name].data
        data_set = named(data["class_path"])(**data["init_args"])
        module = base_class(folder).load(folder)
        decoding = DECODING if getattr(module, "modality", "") == "generator" else None
        quality = measure_quality(module, data_set, options.items, decoding=decoding)
        cards.write(folder, {**cards.read(folder), "quality": quality, "quality_items": options.items})
        print(name, quality, flush=True)


if __name__ == "__main__":
    main()
