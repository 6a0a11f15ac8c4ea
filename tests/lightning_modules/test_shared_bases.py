"""One copy of a base for all of its adapters in a process: equal numbers, nothing passed on, nothing read twice."""

import gc
import shutil
import weakref

import numpy as np
import pytest
import torch

from benchmarks.steps.context import RunContext, _make_room, weight
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.fitting import adapters
from lightning_modules.settings import CaptionDecoding, FitSettings, ImageDecoding, Lora
from lightning_modules.weights import shared
from tests.lightning_modules.conftest import make_captioner, make_generator

SETTINGS = FitSettings(2, 1e-2, 4, lora=Lora(2, 4.0))
SEEDS = np.arange(12, dtype=np.uint64)


@pytest.fixture(scope="module", params=["captioner", "generator"])
def folders(request, scenes, siblings, pairs, tmp_path_factory):
    """A class, and folders of a base and of two adapters on it."""
    folder = tmp_path_factory.mktemp(request.param)
    captioner = request.param == "captioner"
    made = make_captioner("git", scenes) if captioner else make_generator("sdxl_unet", scenes, siblings)
    made.save(folder / "base")
    kind = type(made)
    for seed in (0, 1):
        adapted = kind.load(folder / "base")
        adapted.fit_pairs(pairs, SETTINGS, seed)
        adapted.save(folder / str(seed))
    return kind, folder


def made_by(module, pairs):
    if isinstance(module, CaptionerModule):
        return module.generate(pairs.images, CaptionDecoding(temperature=1.0, max_new_tokens=8), SEEDS).outputs
    return module.generate(pairs.captions, ImageDecoding(2, 2.0), SEEDS).outputs.tolist()


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def own(module):
    return {id(p) for p in module.parameters() if not p.requires_grad}


@pytest.fixture
def reads(monkeypatch):
    """What was read whole, by folder."""
    gc.collect()  # what other tests have left
    found = []
    for kind in (CaptionerModule, GeneratorModule):
        usual = kind._read.__func__

        def counted(cls, folder, *more, usual=usual):
            found.append(folder)
            return usual(cls, folder, *more)

        monkeypatch.setattr(kind, "_read", classmethod(counted))
    return found


def test_adapters_share_their_base_and_write_as_they_do_alone(folders, pairs, reads):
    kind, folder = folders
    alone = [made_by(kind.load(folder / name), pairs) for name in ("0", "1", "base")]
    reads.clear()
    with shared.sharing():
        first, second, base = (kind.load(folder / name) for name in ("0", "1", "base"))
    assert len(reads) == 1
    assert own(first) == own(second) == {id(p) for p in base.parameters()}
    assert [made_by(module, pairs) for module in (first, second, base)] == alone
    assert weight(first, second, base) < 1.5 * weight(base) < weight(first) + weight(second)
    assert not all(torch.equal(v, adapters.product(second)[k]) for k, v in adapters.product(first).items())


def test_a_fit_on_a_shared_base_is_a_fit_alone_and_changes_nobody_else(folders, pairs):
    kind, folder = folders
    alone = kind.load(folder / "0")
    alone.fit_pairs(pairs, SETTINGS, 5)
    with shared.sharing():
        first, other, base = (kind.load(folder / name) for name in ("0", "1", "base"))
    before = state(other), state(base)
    first.fit_pairs(pairs, SETTINGS, 5)
    assert all(torch.equal(v, state(alone)[k]) for k, v in state(first).items())
    for module, was in zip((other, base), before, strict=True):
        assert all(torch.equal(v, was[k]) for k, v in module.state_dict().items())


def test_a_base_goes_with_the_last_model_on_it(folders, reads):
    kind, folder = folders
    with shared.sharing():
        first, second = kind.load(folder / "0"), kind.load(folder / "1")
        kept = weakref.ref(shared._kept[first])
        del first
        gc.collect()
        assert kept() is not None
        del second
        gc.collect()
        assert kept() is None
        kind.load(folder / "0")
    assert len(reads) == 2


def test_other_files_are_another_base(folders, tmp_path, reads):
    kind, folder = folders
    shutil.copytree(folder / "base", tmp_path / "base")
    with shared.sharing():
        first = kind.load(tmp_path / "base")
        file = next(f for f in (tmp_path / "base").rglob("*config.json"))
        file.write_text(file.read_text() + "\n")
        second = kind.load(tmp_path / "base")
    assert len(reads) == 2
    assert not {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}


class Shelf:
    """A store of folders."""

    def __init__(self, kind, folder):
        self.kind, self.folder = kind, folder

    def fresh(self, key):
        return self.kind.load(self.folder / key)


def test_a_worker_reads_a_base_once_and_hooks_get_their_own(folders, pairs, reads):
    kind, folder = folders
    context = RunContext(Shelf(kind, folder))
    read = context.model("0")
    fitted = context.trainable("1", adapter=True)
    fitted.fit_pairs(pairs, SETTINGS, 0)
    assert len(reads) == 1
    assert own(read) == own(fitted)
    written = made_by(read, pairs)
    lent = context.lend("0")
    assert context.lend("0") is context.model("0") is lent
    with torch.no_grad():
        for parameter in lent.parameters():
            parameter.zero_()
    context.recall()
    assert made_by(context.model("0"), pairs) == written
    whole = context.trainable("base", adapter=False)
    assert not {id(p) for p in whole.parameters()} & own(read)
    assert all(p.requires_grad for p in whole.trained_part().parameters())


class Elsewhere(torch.nn.Linear):
    """A model on another device, which counts how often it is fetched from there."""

    def __init__(self, weight=None):
        super().__init__(1, 1, bias=False, device="meta")
        self.moved, self.weight = 0, self.weight if weight is None else weight

    def cpu(self):
        self.moved += 1


def test_what_shares_nothing_makes_room():
    """Beside a fit, models that are kept for later steps leave the accelerator; the base that is fitted stays."""
    fitted, other, here = Elsewhere(), Elsewhere(), torch.nn.Linear(1, 1)
    same = Elsewhere(fitted.weight)
    _make_room(fitted, [other, same, here, object()])
    assert (other.moved, same.moved, fitted.moved) == (1, 0, 0)
