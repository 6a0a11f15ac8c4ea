"""Models on an accelerator that is not there: what lies where it must not is an error on any machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from benchmarks.study.loading import ROOT
from lightning_modules import memory
from lightning_modules.families.text_to_image import cast
from lightning_modules.fitting.module import FitModule
from lightning_modules.fitting.precision import halved

CAPTIONERS = (
    "blip_2_opt",
    "blip_2_t5",
    "blip",
    "git",
    "vit_gpt2",
    "clip_gpt2",
    "llava",
    "idefics2",
    "idefics3",
    "smolvlm",
)
GENERATORS = (
    "sdxl",
    "sd15",
    "sd21",
    "pixart_alpha",
    "pixart_sigma",
    "sd3",
    "sd3_without_t5",
    "flux_dev",
    "flux_schnell",
)


def wrong(*names: str) -> dict[str, str]:
    """Return what went wrong with each, in a process of its own: the pretended backend stays registered."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.lightning_modules.on_cuda", *names]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_one_of_each_side_and_an_autoencoder_are_trained_and_sampled_there():
    assert wrong("sdxl", "blip_2_opt", "autoencoder") == {"sdxl": "", "blip_2_opt": "", "autoencoder": ""}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CAPTIONERS, *GENERATORS])
def test_every_family_is_trained_and_sampled_there(name):
    assert wrong(name)[name] == ""


def test_numbers_of_rows_stay_where_the_rows_are():
    batch = (3, torch.arange(2))
    assert FitModule().transfer_batch_to_device(batch, torch.device("meta"), 0) is batch


def test_a_pretended_accelerator_refuses_what_cuda_refuses():
    code = (
        "import torch\nfrom tests.pretended_cuda import pretended_cuda\n"
        "with pretended_cuda():\n"
        "    here, there = torch.ones(3), torch.ones(3, device='cuda')\n"
        "    assert there.device == torch.device('cuda', 0) and (there + 1).cpu().tolist() == [2, 2, 2]\n"
        "    for wrong in (lambda: here + there, lambda: here[there.long()], lambda: there.numpy(),\n"
        "                  lambda: torch.randn(3, device='cuda', generator=torch.Generator())):\n"
        "        try:\n            wrong()\n        except RuntimeError:\n            continue\n"
        "        raise SystemExit('not refused')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_numbers_of_pixels_are_not_rounded():
    told = cast({"sizes": torch.tensor([[427.0, 333.0]]), "pooled": torch.ones(1, 2)}, torch.bfloat16)
    assert told["sizes"].tolist() == [[427.0, 333.0]]
    assert told["pooled"].dtype == torch.bfloat16


def test_only_a_network_in_bfloat16_throughout_goes_without_autocast():
    whole, half = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2, dtype=torch.bfloat16)
    assert halved(half)
    assert not halved(whole), "trained wholly it is float32, and products of float32 are slow on a GPU"
    assert not halved(torch.nn.ModuleList([whole, half]))


@pytest.mark.parametrize(
    "said",
    [
        "CUDA driver error: out of memory",
        "Triton Error [CUDA]: out of memory",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "GET was unable to find an engine to execute this computation",
    ],
)
def test_words_of_full_memory_are_known(said):
    assert memory.is_full(RuntimeError(said))
