"""Settings that came later leave older keys as they were."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightning_modules.settings import ADDED, FitSettings, Lora
from records.canonical import canonical, digest


@dataclass(frozen=True)
class Old:
    steps: int = 1


@dataclass(frozen=True)
class New:
    steps: int = 1
    extra: float = field(default=0.0, metadata=ADDED)


def test_an_added_setting_at_its_default_enters_no_key() -> None:
    assert digest(Old()) == digest(New())
    assert digest(Old()) != digest(New(extra=1.0))


def test_a_setting_that_was_always_there_enters_at_its_default_too() -> None:
    assert '"condition_drop":0.0' in canonical(FitSettings(1, 1e-3))
    assert "lora" not in canonical(FitSettings(1, 1e-3))
    assert '"lora":{"alpha":16.0,"rank":16,"targets":[]}' in canonical(FitSettings(1, 1e-3, lora=Lora()))
