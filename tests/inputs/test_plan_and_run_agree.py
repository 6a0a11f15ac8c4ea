"""No input is accepted by `plan` and refused by `run` for a reason that lay on the disk: one sentence, nothing written."""

from __future__ import annotations

from pathlib import Path

from tests.engine.conftest import write_suite
from tests.inputs.refused import refused


def test_both_refuse_in_one_sentence(tmp_path: Path) -> None:
    refused(write_suite(tmp_path, seedz=[1]), "small.yaml", "'seedz'", "seeds")
