"""Image metrics beside their references and beside the feature pass: `python -m benchmarks.speed.images --help`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from tabulate import tabulate
from torchmetrics.image.fid import _compute_fid

from benchmarks.metrics.images import real_side as real_sides
from benchmarks.metrics.images.cmmd import ImageCmmd
from benchmarks.metrics.images.distance import ImageDistance
from benchmarks.metrics.images.diversity import ImageDiversity
from benchmarks.metrics.images.frechet import frechet, gaussian
from benchmarks.metrics.images.memorisation import ImageMemorisation
from benchmarks.metrics.images.neighbours import COVERAGE_K
from benchmarks.metrics.images.real_side import real_side
from benchmarks.metrics.view import View
from lightning_modules.judges.inception import InceptionJudge

FAMILIES = (ImageDistance, ImageCmmd, ImageDiversity, ImageMemorisation)
#: Fréchet distance against scipy and against torchmetrics; all metrics with the feature pass against it alone.
TARGETS = {"scipy": 5.0, "torchmetrics": 1.0, "pass": 1.3}


@dataclass(frozen=True)
class Line:
    """Seconds of one thing: of a reference, of ours with everything to do, and with the real side known."""

    name: str
    reference: float | None
    first: float
    later: float


def made(images: int, dims: int) -> View:
    """Return features as of a network that ends in a mean of rectified maps: positive, with a falling spectrum."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(dims, dims)) * np.arange(1, dims + 1)[:, None] ** -0.5

    def features(n: int, moved: float) -> np.ndarray:
        return np.maximum(rng.normal(size=(n, dims)) @ mix + moved, 0)

    real, train = features(images, 0.5), features(images, 0.5)
    return View(features=features(images, 0.6), real_features=real, train_features=train,
                draw_features=features(256, 0.6).reshape(64, 4, dims))  # fmt: skip


def seconds(what: Callable[[], object]) -> tuple[float, object]:
    """Run something once; return its processor time, which a busy machine tells too, and what it returned."""
    start = time.process_time()
    found = what()
    return time.process_time() - start, found


def forget() -> None:
    """Forget every real side."""
    real_sides._KEPT.clear()


def frechet_lines(view: View) -> list[Line]:
    """Fréchet distance from features, beside scipy's square root and torchmetrics' eigenvalues.

    Raises:
        AssertionError: the three distances differ.
    """
    fake, real = view.features, view.real_features

    def ours() -> float:
        return frechet(gaussian(fake), real_side(real).gaussian)

    def by_scipy() -> float:
        (mu1, s1), (mu2, s2) = ((x.mean(axis=0), np.cov(x, rowvar=False)) for x in (fake, real))
        root = np.real(scipy.linalg.sqrtm(s1 @ s2))
        return float(((mu1 - mu2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * np.trace(root))

    def by_torchmetrics() -> float:
        pairs = [(x.mean(dim=0), torch.cov(x.T)) for x in map(torch.from_numpy, (fake, real))]
        return float(_compute_fid(*pairs[0], *pairs[1]))

    forget()
    first, found = seconds(ours)
    later, _ = seconds(ours)
    lines = []
    for name, reference in (("scipy `sqrtm`", by_scipy), ("torchmetrics", by_torchmetrics)):
        taken, expected = seconds(reference)
        np.testing.assert_allclose(found, expected, rtol=1e-6)  # type: ignore[call-overload]
        lines.append(Line(f"Fréchet distance, reference {name}", taken, first, later))
    return lines


def family_lines(view: View) -> list[Line]:
    """Each family whole: features in, values out, intervals aside."""

    def run(family: type) -> None:
        metric = family()
        metric.update(view)
        metric.compute()

    forget()
    first = [seconds(lambda family=family: run(family))[0] for family in FAMILIES]  # type: ignore[misc]
    later = [seconds(lambda family=family: run(family))[0] for family in FAMILIES]  # type: ignore[misc]
    lines = [
        Line(f"`{f.__name__}`", None, *taken) for f, taken in zip(FAMILIES, zip(first, later, strict=True), strict=True)
    ]
    return [*lines, Line("all families", None, sum(first), sum(later))]


def pass_seconds(images: int, passed: int) -> float:
    """Seconds of the Inception feature pass of so many images, measured on some and scaled; weights are random."""
    torch.manual_seed(0)
    judge = InceptionJudge()
    pictures = np.random.default_rng(0).integers(0, 256, (passed, 64, 64, 3), dtype=np.uint8)
    judge.embed_images(pictures[:1])
    return seconds(lambda: judge.embed_images(pictures))[0] * images / passed


def report(images: int, dims: int, passed: int) -> str:
    """Measure, and return the Markdown table with what it says of the targets."""
    view = made(images, dims)
    lines = [*frechet_lines(view), *family_lines(view)]
    network, whole = pass_seconds(images, passed), lines[-1]
    rows = [
        [line.name, _said(line.reference), _said(line.first), _said(line.later), _ratio(line.reference, line.first)]
        for line in lines
    ]
    rows.append([f"Inception feature pass ({passed} images, scaled)", _said(network), "", "", ""])
    head = ["seconds of processor time", "reference", "ours, first", "ours, later", "reference / first"]
    told = [
        _verdict("Fréchet against scipy", _share(lines[0]), TARGETS["scipy"], least=True),
        _verdict("Fréchet against torchmetrics", _share(lines[1]), TARGETS["torchmetrics"], least=True),
        _verdict("pass and all families against the pass", 1 + whole.first / network, TARGETS["pass"], least=False),
    ]
    table = tabulate(rows, head, tablefmt="github", disable_numparse=True)
    title = f"{images} x {dims} features, {torch.get_num_threads()} thread(s)"
    return "\n".join([title, "", table, "", *(f"- {line}" for line in told)])


def _share(line: Line) -> float:
    assert line.reference is not None
    return line.reference / line.first


def _verdict(name: str, found: float, target: float, least: bool) -> str:
    met = found >= target if least else found <= target
    return f"{name}: {found:.2f}x, target at {'least' if least else 'most'} {target:.2f}x: {'met' if met else 'missed'}"


def _said(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _ratio(reference: float | None, ours: float) -> str:
    return "" if reference is None else f"{reference / ours:.1f}x"


def main(arguments: Sequence[str] | None = None) -> str:
    """Read the command line, measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.images", description=__doc__)
    parser.add_argument("--images", type=int, default=5000, help="items of every set, more than 5 (5000)")
    parser.add_argument("--dims", type=int, default=2048, help="dimensions of a feature (2048)")
    parser.add_argument("--passed", type=int, default=128, help="images that go through Inception (128)")
    found = parser.parse_args(arguments)
    if found.images <= COVERAGE_K or found.dims < 1 or found.passed < 1:
        parser.error(f"--images must be above {COVERAGE_K}, --dims and --passed at least 1")
    text = report(found.images, found.dims, found.passed)
    print(text)
    return text


if __name__ == "__main__":
    main()
