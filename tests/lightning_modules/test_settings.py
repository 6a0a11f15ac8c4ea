"""Settings are checked when made, and need no torch."""

import subprocess
import sys

import pytest

from lightning_modules.settings import CaptionDecoding, FitSettings, ImageDecoding


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (CaptionDecoding, {"temperature": -1.0}, "temperature"),
        (CaptionDecoding, {"temperature": float("nan")}, "temperature"),
        (CaptionDecoding, {"top_p": 0.0}, "top_p"),
        (CaptionDecoding, {"beams": 0}, "beams"),
        (CaptionDecoding, {"temperature": 1.0, "beams": 2}, "sampling inside beam search"),
        (CaptionDecoding, {"best_of": 2}, "best_of"),
        (CaptionDecoding, {"max_new_tokens": 0}, "max_new_tokens"),
        (ImageDecoding, {"steps": 0}, "steps"),
        (ImageDecoding, {"guidance": -0.5}, "guidance"),
        (ImageDecoding, {"guidance": 0.0}, "1 is the conditional model alone, as of distilled models"),
        (FitSettings, {"steps": -1, "learning_rate": 1e-3}, "steps"),
        (FitSettings, {"steps": 1, "learning_rate": float("inf")}, "learning_rate"),
        (FitSettings, {"steps": 1, "learning_rate": 1e-3, "batch_size": 0}, "batch_size"),
        (FitSettings, {"steps": 1, "learning_rate": 1e-3, "condition_drop": 1.5}, "condition_drop"),
    ],
)
def test_bad_values_are_refused(kind, values, message):
    with pytest.raises(ValueError, match=message):
        kind(**values)


def test_evaluations_per_sample():
    assert CaptionDecoding().evaluations == 1
    assert CaptionDecoding(beams=4).evaluations == 4
    assert CaptionDecoding(temperature=1.0, best_of=3).evaluations == 3
    assert ImageDecoding(steps=10, guidance=1.0).evaluations == 10
    assert ImageDecoding(steps=10, guidance=3.0).evaluations == 20


def test_settings_and_recipes_are_free_of_torch():
    code = "import sys, lightning_modules.settings, lightning_modules.bases.recipes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
