"""The pair of models: a class-conditional Gaussian that draws, a categorical law that captions.

They are the model class of 2503.08117 (text: categorical; images: Gaussian given the text) in one dimension,
behind the same contract as real models. A fit is the maximum of the likelihood in closed form: the batch
size, learning rate and schedule of `FitSettings` have no meaning here, ``steps: 0`` leaves the model as it
is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import log_softmax

from benchmarks.analytic.data import class_indices, class_moments, class_names, class_shares, draw_classes, normal
from benchmarks.seeds import uniform
from datamodules.pairs import Pairs
from lightning_modules.fitting.contracts import FitReport, Generated, NonFiniteLoss
from lightning_modules.settings import CaptionDecoding, FitSettings, ImageDecoding

_FILE = "model.json"
#: Smallest variance the captioner's likelihood uses: a class seen once has variance 0, and a density nowhere.
EYE_FLOOR = 1e-12
Progress = Callable[[int, int], None]


class _Analytic:
    """What both models share: numbers kept as JSON, where floats read back exactly."""

    modality: ClassVar[str]
    version: ClassVar[int] = 1
    _fields: ClassVar[tuple[str, ...]]

    def __getattr__(self, name: str) -> Any:
        """Say of what a network would have that this is none."""
        raise AttributeError(
            f"{type(self).__name__} is a law in closed form and has no {name!r}; allowed: a suite of networks, such as "
            "scenes_board_captioner"
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model that `save` wrote."""
        state = json.loads((Path(folder) / _FILE).read_text(encoding="utf-8"))
        model = cls.__new__(cls)
        for name in cls._fields:
            setattr(model, name, np.array(state[name]) if isinstance(state[name], list) else state[name])
        return model

    def save(self, folder: Path) -> None:
        """Write ``model.json``."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        state = {name: getattr(self, name) for name in self._fields}
        table = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in state.items()}
        (Path(folder) / _FILE).write_text(json.dumps(table) + "\n", encoding="utf-8")


class GaussianGenerator(_Analytic):
    """Draws image i of class k from N(means[k], variances[k]).

    Args:
        classes: K.
        spacing: Distance between the means of neighbouring classes.
        sigma: Standard deviation within every class.
    """

    modality: ClassVar[str] = "generator"
    name: ClassVar[str] = "gaussian_generator"
    version: ClassVar[int] = 1
    _fields: ClassVar[tuple[str, ...]] = ("means", "variances")

    def __init__(self, classes: int = 1, spacing: float = 8.0, sigma: float = 1.0) -> None:
        self.means, self.variances = class_moments(classes, spacing, sigma)

    def generate(
        self, inputs: Sequence[str], decoding: ImageDecoding, seeds: np.ndarray, progress: Progress | None = None
    ) -> Generated:
        """Draw one image a prompt.

        Args:
            inputs: n names of classes.
            decoding: Changes nothing here but the counted network evaluations.
            seeds: (n,) uint64, one a sample.
            progress: Unused; a call takes microseconds.

        Returns:
            (n,) float64 images.
        """
        classes = class_indices(inputs, len(self.means))
        images = self.means[classes] + np.sqrt(self.variances[classes]) * normal(seeds)
        return Generated(images, len(classes) * decoding.evaluations)

    def fit_pairs(
        self, pairs: Pairs, settings: FitSettings, seed: int, objective: Any = None, progress: Progress | None = None
    ) -> FitReport:
        """Set each class to the weighted mean and variance (over n) of its images; an unseen class stays."""
        loss = 0.0
        if settings.steps:
            _check(pairs, objective)
            known = _weighted(pairs, len(self.means))
            self.means, self.variances, loss = refit_moments(self.means, self.variances, *known, pairs.images)
        return _report(pairs, settings, loss)


class CategoricalCaptioner(_Analytic):
    """Captions an image with class k by chance shares[k], times N(image; k) where it reads images.

    Args:
        classes: K.
        zipf: Exponent of the class shares; 0 = uniform.
        probabilities: Class shares instead of a Zipf law.
        spacing: Distance between the means that it expects of neighbouring classes.
        sigma: Standard deviation that it expects within every class.
        reads_images: Whether captions are drawn from the posterior given the image, or from the shares alone.
        learns_images: Whether a fit moves the means and variances too, or the shares alone.
    """

    modality: ClassVar[str] = "captioner"
    name: ClassVar[str] = "categorical_captioner"
    version: ClassVar[int] = 1
    _fields: ClassVar[tuple[str, ...]] = ("shares", "means", "variances", "reads_images", "learns_images")

    def __init__(
        self,
        classes: int = 1,
        zipf: float = 1.0,
        probabilities: Sequence[float] | None = None,
        spacing: float = 8.0,
        sigma: float = 1.0,
        reads_images: bool = False,
        learns_images: bool = False,
    ) -> None:
        self.shares = class_shares(classes, zipf, probabilities)
        self.means, self.variances = class_moments(classes, spacing, sigma)
        self.reads_images, self.learns_images = reads_images, learns_images

    def generate(
        self, inputs: np.ndarray, decoding: CaptionDecoding, seeds: np.ndarray, progress: Progress | None = None
    ) -> Generated:
        """Write one caption an image.

        Args:
            inputs: (n,) float64 images.
            decoding: Probabilities are taken to the power 1 / temperature; temperature 0 takes the likeliest
                class.
            seeds: (n,) uint64, one a sample.
            progress: Unused; a call takes microseconds.

        Returns:
            n names of classes.

        Raises:
            ValueError: When the decoding asks for top_p, beams or best_of, which have no closed form here.
        """
        if decoding.top_p != 1 or decoding.beams != 1 or decoding.best_of != 1:
            raise ValueError("the analytic captioner knows temperature alone; set top_p, beams and best_of to 1")
        images, u = np.asarray(inputs, dtype=np.float64), uniform(seeds)
        if self.reads_images:
            classes = _draw_rows(_tempered(self.log_posterior(images), decoding.temperature), u)
        else:
            with np.errstate(divide="ignore"):
                weights = _tempered(np.log(self.shares)[None], decoding.temperature)[0]
            classes = draw_classes(weights, u)
        names = class_names(len(self.shares))
        return Generated([names[k] for k in classes.tolist()], len(classes) * decoding.evaluations)

    def log_likelihood(
        self, images: np.ndarray, captions: Sequence[str], progress: Progress | None = None
    ) -> np.ndarray:
        """Return the log-probability (n,) float64 that it captions images as told, at temperature 1."""
        classes = class_indices(captions, len(self.shares))
        if self.reads_images:
            return log_softmax(self.log_posterior(np.asarray(images)), axis=1)[np.arange(len(classes)), classes]
        with np.errstate(divide="ignore"):
            return np.log(self.shares)[classes]

    def log_posterior(self, images: np.ndarray) -> np.ndarray:
        """Return (n, K) log of share times density, up to one constant a row."""
        variances = np.maximum(self.variances, EYE_FLOOR)
        with np.errstate(divide="ignore"):
            prior = np.log(self.shares) - 0.5 * np.log(variances)
        return prior - 0.5 * (images[:, None] - self.means) ** 2 / variances

    def fit_pairs(
        self, pairs: Pairs, settings: FitSettings, seed: int, objective: Any = None, progress: Progress | None = None
    ) -> FitReport:
        """Set the shares to the weighted caption frequencies; refit the moments where it learns images."""
        loss = 0.0
        if settings.steps:
            _check(pairs, objective)
            classes, weights = _weighted(pairs, len(self.shares))
            if self.learns_images:
                moments = refit_moments(self.means, self.variances, classes, weights, pairs.images)
                self.means, self.variances, _ = moments
            counts = np.bincount(classes, weights, len(self.shares))
            self.shares = counts / counts.sum()
            seen = self.shares[self.shares > 0]
            loss = float(-(seen * np.log(seen)).sum())
        return _report(pairs, settings, loss)


def refit_moments(
    means: np.ndarray, variances: np.ndarray, classes: np.ndarray, weights: np.ndarray, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the weighted means and variances (K,) of each class, the given ones for a class without weight.

    The third result is the weighted mean of the squared residuals.
    """
    size = len(means)
    mass = np.bincount(classes, weights, size)
    seen, divisor = mass > 0, np.where(mass > 0, mass, 1.0)
    means = np.where(seen, np.bincount(classes, weights * images, size) / divisor, means)
    squares = weights * (images - means[classes]) ** 2
    variances = np.where(seen, np.bincount(classes, squares, size) / divisor, variances)
    return means, variances, float(squares.sum() / mass.sum())


def _weighted(pairs: Pairs, size: int) -> tuple[np.ndarray, np.ndarray]:
    classes = class_indices(pairs.captions, size)
    weights = np.ones(len(classes)) if pairs.weights is None else pairs.weights.astype(np.float64)
    if not weights.sum() > 0:
        raise ValueError("a fit needs at least one pair with a weight above 0")
    return classes, weights


def _check(pairs: Pairs, objective: Any) -> None:
    if objective is not None:
        raise ValueError("an analytic fit has no loss to reweigh; set the weights of the pairs in `curate` instead")
    if not np.isfinite(pairs.images).all():
        raise NonFiniteLoss(0)


def _report(pairs: Pairs, settings: FitSettings, loss: float) -> FitReport:
    # Counted like any other fit, so that the costs of a plan and of its run agree.
    samples = settings.steps * settings.batch_size
    return FitReport(settings.steps, samples, samples, [loss] * settings.steps)


def _tempered(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return (n, K) probabilities, not normalised, whose largest is 1."""
    logits = logits - logits.max(axis=1, keepdims=True)
    if temperature == 0:
        return (np.arange(logits.shape[1]) == logits.argmax(1)[:, None]).astype(np.float64)
    return np.exp(logits / temperature)


def _draw_rows(weights: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return (n,) classes, row i drawn from ``weights[i]`` (K,) at ``u[i]``."""
    edges = np.cumsum(weights, axis=1)
    return (edges <= (u * edges[:, -1])[:, None]).sum(axis=1)
