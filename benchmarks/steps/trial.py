"""A model in files, tried before anything is computed: opened, and asked once for what it will be asked for."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from benchmarks.steps.features import embedded
from benchmarks.steps.images import require_side
from benchmarks.steps.step import Step, reads
from datamodules.pairs import Pairs
from lightning_modules.settings import FitSettings
from lightning_modules.weights.sources import MissingModel
from records.canonical import Spec
from records.errors import StepError
from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext

#: What a model is asked about: words, beside a picture of noise.
TEXT = "a red circle above a small dog"
#: Bytes of weights from which on it is worth the time to look for all that still holds them.
LARGE = 2**28
#: Denoising steps of the one image that a generator draws.
STEPS = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Trial(Step):
    """Whether a model can be loaded and answers; it is of no plan, and its key is in no result.

    Attributes:
        decodings: How the study will sample it.
        settings: How the study will train it.
        data: Gives the size of the pictures.
        sized: Whether it has to draw pictures of that size.
        packages: Versions by name: with other ones it is tried again.
        model: The model.
    """

    kind: ClassVar[str] = "trial"
    version: ClassVar[int] = 2
    worker: ClassVar[str] = "model"
    decodings: tuple[Any, ...]
    settings: tuple[Any, ...]
    data: Spec
    sized: bool
    packages: Mapping[str, str]
    model: str = reads()

    @property
    def first(self) -> bool:
        """Trials come before whatever costs."""
        return True

    @property
    def label(self) -> str:
        """The model that is tried."""
        return f"trial of {self.where}"

    def run(self, context: RunContext) -> tuple[dict[str, Any], Cost]:
        """Load, which says whether weights and words are all there, then ask and train; nothing stays in memory.

        Raises:
            StepError: It cannot be loaded, or cannot do what it will be asked for.
        """
        from benchmarks.steps.context import weight

        tell = context.progress or (lambda done, total: None)
        data, rounds = context.data(self.data), self.settings or (None,)
        asked: tuple[str, ...] = ()
        for number, settings in enumerate(rounds):
            tell(number, len(rounds))
            with _saying("be loaded"):
                model = context.fresh_model(self.model)
            large = weight(model) > LARGE
            try:
                asked = asked or self._ask(model, data)
                if settings is not None:
                    with _saying("be trained on a pair"):
                        _fit(model, settings, _picture(data))
            finally:
                del model
                if large:
                    _release()
        tell(len(rounds), len(rounds))
        return {"asked": list(asked)}, Cost()

    def _ask(self, model: Any, data: Any) -> tuple[str, ...]:
        """Ask for one caption a decoding, for one image, or for features; return what was asked for."""
        picture, modality = _picture(data), getattr(model, "modality", None)
        if modality == "captioner":
            with _saying("write a caption"):
                for decoding in self.decodings:
                    _require(len(model.generate(picture, decoding, _seeds()).outputs) == 1, "its captions are not one")
                if hasattr(model, "log_likelihood"):
                    found = model.log_likelihood(picture, (TEXT,))
                    _require(bool(np.isfinite(found).all()), "the likelihood of its captions is not finite")
            return ("captions",)
        if modality == "generator":
            with _saying("draw an image"):
                self._draw(model, data)
            return ("images",)
        kinds = embedded(model)
        with _saying(f"embed {' and '.join(kinds)}"):
            for kind in kinds:
                found = model.embed_images(picture) if kind == "images" else model.embed_texts([TEXT])
                _require(len(found) == 1, f"it has {len(found)} rows of features for one of {kind}")
                _require(bool(np.isfinite(found).all()), f"its features of {kind} are not finite")
        return kinds

    def _draw(self, model: Any, data: Any) -> None:
        """Draw one image in few steps of the model's own scheduler; others are only looked at."""
        if hasattr(model, "execution"):  # compiling takes longer than all that is asked here
            model.execution = replace(model.execution, compile=False)
        for decoding in self.decodings:
            if hasattr(model, "check_decoding"):
                model.check_decoding(decoding)
        for decoding in self.decodings[:1]:
            short = replace(decoding, steps=min(decoding.steps, STEPS), scheduler="")
            images = model.generate([TEXT], short, _seeds()).outputs
            _require(len(images) == 1, f"it drew {len(images)} images for one prompt")
            one = f"it drew an image that is {int(images.min())} everywhere, as one does that computes no numbers"
            _require(bool(images.min() < images.max()), one)
            if self.sized:
                require_side(images, data)


def _picture(data: Any) -> np.ndarray:
    """Return noise as large as the data's pictures, (1, side, side, 3) uint8."""
    side = getattr(data, "resolution", getattr(data, "image_size", None)) or 64
    return np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)


def _fit(model: Any, settings: FitSettings, picture: np.ndarray) -> None:
    """Train on one pair for one step, as the study will in all else; no number that comes of it may be none."""
    if hasattr(model, "execution"):
        model.execution = replace(model.execution, devices=1, nodes=1)
    pair = Pairs(ids=np.zeros(1, np.int64), images=picture, captions=(TEXT,), prompts=(TEXT,), origin=np.zeros(1, int))
    report = model.fit_pairs(pair, replace(settings, steps=1, batch_size=1, warmup=0), 0)
    _require(bool(np.isfinite(report.losses).all()), "its loss is not finite")
    weights = getattr(model, "named_parameters", dict)
    odd = next((name for name, w in dict(weights()).items() if w.requires_grad and not w.isfinite().all()), None)
    _require(odd is None, f"after one step {odd!r} is not finite")


def _seeds() -> np.ndarray:
    return np.zeros(1, np.uint64)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise StepError(message)


@contextmanager
def _saying(what: str) -> Iterator[None]:
    """Say of an error within what the model cannot do; what is one clear sentence already stays as it is."""
    try:
        yield
    except (MissingModel, StepError) as error:
        raise StepError(str(error)) from error
    except Exception as error:  # libraries and authors fail in ways of their own
        said = " ".join(str(error).split()) or "no message"
        raise StepError(f"found a model that cannot {what}: {type(error).__name__}: {said}") from error


def _release() -> None:
    """Give back the memory of a model that nobody holds any more: the next one may need all of it."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
