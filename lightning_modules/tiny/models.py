"""Tiny models as a testbed names them: made from a family's name, saved and loaded as the real ones."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.tiny import captioners, generators


class TinyCaptioner(CaptionerModule):
    """An untrained captioner of a real class, written to a folder and read from it as a published one would be."""

    name: ClassVar[str] = "tiny_captioner"
    version: ClassVar[int] = 1

    def __init__(self, family: str, seed: int = 0, positions: int | None = None) -> None:
        """Make one of `tiny.captioners.FAMILIES` with the weights of a seed; another one is a ValueError.

        `positions` tokens are read and written; captions that people write want 256 of most families.
        """
        with tempfile.TemporaryDirectory() as folder:
            captioners.write(family, Path(folder), seed, positions)
            found = CaptionerModule.load(Path(folder))
        longest: dict[str, Any] = {} if positions is None else {"max_length": positions}
        super().__init__(found.model, found.tokenizer, found.image_processor, **longest)

    @classmethod
    def load(cls, folder: Path, **arguments: Any) -> CaptionerModule:  # type: ignore[override]
        """Read a captioner as any other."""
        return CaptionerModule.load(folder, **arguments)


class TinyGenerator(GeneratorModule):
    """An untrained generator of a real class, written to a folder and read from it as a published one would be."""

    name: ClassVar[str] = "tiny_generator"
    version: ClassVar[int] = 1

    def __init__(self, family: str, seed: int = 0, size: int = generators.SIZE) -> None:
        """Make one of `tiny.generators.FAMILIES`, else a ValueError; its images have `size` pixels a side."""
        with tempfile.TemporaryDirectory() as folder:
            generators.make(family, seed).save_pretrained(folder)
            found = GeneratorModule.load(Path(folder), size=size)
        super().__init__(found.pipeline, found.parts, found.settings, size=size)

    @classmethod
    def load(cls, folder: Path, **arguments: Any) -> GeneratorModule:  # type: ignore[override]
        """Read a generator as any other."""
        return GeneratorModule.load(folder, **arguments)
