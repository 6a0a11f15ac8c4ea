"""What float32 means: itself on every device, or rounded to TF32 where a fit says so."""

import pytest
import torch

from benchmarks.running import worker
from lightning_modules.fitting import runner
from lightning_modules.settings import FitSettings
from tests.lightning_modules.test_runner import Line, data


@pytest.fixture(autouse=True)
def as_torch_is():
    """The settings that torch begins with: convolutions rounded, products not."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


def settings():
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32


class Watched(Line):
    def losses(self, batch, settings_):
        self.found = settings()
        return super().losses(batch, settings_)


@pytest.mark.parametrize(
    ("precision", "inside"), [("32", ("highest", False)), ("tf32", ("high", True)), ("bf16", ("highest", False))]
)
def test_a_fit_rounds_to_tf32_where_it_says_so_and_puts_back_what_was(precision, inside):
    module = Watched()
    runner.fit(module, data(), FitSettings(1, 1e-2, 4, precision=precision), seed=0)
    assert module.found == inside
    assert settings() == ("highest", True)


def test_on_a_processor_tf32_is_float32():
    if torch.cuda.is_available():
        pytest.skip("this is about processors")
    weights = []
    for precision in ("32", "tf32"):
        module = Line()
        runner.fit(module, data(), FitSettings(5, 1e-2, 4, precision=precision), seed=0)
        weights.append(module.weight.item())
    assert weights[0] == weights[1]


def test_a_worker_begins_with_exact_float32():
    worker.exact_float32()
    assert settings() == ("highest", False)


def test_another_precision_is_refused():
    with pytest.raises(ValueError, match="precision must be '32', 'tf32' or 'bf16'"):
        FitSettings(1, 1e-2, precision="16")


def test_what_is_loaded_in_bfloat16_takes_no_tf32():
    module = Line()
    module.loaded_as = "bfloat16"
    with pytest.raises(ValueError, match="needs precision bf16, not tf32"):
        runner.fit(module, data(), FitSettings(1, 1e-2, 4, precision="tf32"), seed=0)
