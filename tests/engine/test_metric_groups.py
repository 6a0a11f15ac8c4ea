"""Metric groups: one name for several families, in the order of the board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.study.loading import load_suite
from records.errors import UsageError

Suite = Callable[..., Path]
FAMILIES = "benchmarks.analytic.families"
CAPTIONS, IMAGES, POOL = (f"{FAMILIES}.{name}" for name in ("CaptionLaw", "ImageMoments", "PoolLaw"))


@pytest.fixture
def group(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of groups beside the suite."""

    def write(name: str, families: list[str], **changes: Any) -> Path:
        (tmp_path / "metrics").mkdir(exist_ok=True)
        file = tmp_path / "metrics" / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"schema": 1, "name": name, "families": families, **changes}))
        return file

    return write


def metrics(file: Path, *overrides: str) -> tuple[str, ...]:
    return load_suite(str(file), overrides)[0].metrics


def refused(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_suite(str(file))
    return str(caught.value)


def test_groups_stand_for_their_families_in_order(suite: Suite, group: Callable[..., Path]) -> None:
    group("images", [IMAGES])
    group("both", [POOL, "images"])
    assert metrics(suite(metrics=["both", CAPTIONS])) == (POOL, IMAGES, CAPTIONS)
    assert metrics(suite(metrics=[CAPTIONS, "both"])) == (CAPTIONS, POOL, IMAGES)
    assert metrics(suite(), "--metrics", "[both]") == (POOL, IMAGES)


def test_a_group_beside_goes_before_a_shipped_one(suite: Suite, group: Callable[..., Path]) -> None:
    shipped = metrics(suite(metrics=["synthetic_set"]))
    assert [m.rpartition(".")[2] for m in shipped] == ["SyntheticSet", "SetImages"]
    group("synthetic_set", [POOL])
    assert metrics(suite(metrics=["synthetic_set"])) == (POOL,)


def test_an_unknown_group_is_refused_with_those_that_are(suite: Suite, group: Callable[..., Path]) -> None:
    file = suite(metrics=["captioning", "captions"])
    group("mine", ["sets"])
    found = refused(file)
    assert found.startswith(
        f"{file}: metrics: found 'captions'; allowed: a class path, or one of the groups caption_semantics, "
    )
    assert "mine" in found
    inner = refused(suite(metrics=["mine"]))
    assert inner.startswith(f"{file.parent / 'metrics' / 'mine.yaml'}: families: found 'sets'; allowed: a class path")


def test_a_family_stands_once(suite: Suite, group: Callable[..., Path]) -> None:
    images = group("images", [IMAGES])
    file = suite(metrics=["images", CAPTIONS, IMAGES])
    assert refused(file) == (
        f"{file}: metrics: {IMAGES} stands twice, in {images} and {file}; allowed: each family once"
    )


@pytest.mark.parametrize(
    ("families", "changes", "sentence"),
    [
        ([], {}, "families: found none; allowed: class paths and names of groups"),
        (["benchmarks.nowhere.A"], {}, "families: class_path 'benchmarks.nowhere.A': module 'benchmarks.nowhere'"),
        (["mine"], {}, "families: found the circle mine -> mine; allowed: a group that does not contain itself"),
        ([POOL], {"schema": 2}, "schema: found 2"),
        ([POOL], {"order": 1}, "key 'order' is unknown; allowed: schema, name, families"),
    ],
)
def test_what_is_wrong_in_a_group_is_said_of_its_file(
    families: list[str], changes: dict[str, Any], sentence: str, suite: Suite, group: Callable[..., Path]
) -> None:
    file = group("mine", families, **changes)
    assert refused(suite(metrics=["mine"])).startswith(f"{file}: {sentence}")
