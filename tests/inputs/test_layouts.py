"""The layouts in which models are published or left by a download: each loads as the plain folder, or is refused."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from benchmarks.commands.main import main
from benchmarks.planning.planner import make_plan
from benchmarks.steps import Base
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.tiny.tokenizers import CAPTIONS, SCENE_TEXTS
from lightning_modules.weights import cards
from lightning_modules.weights.quiet import quiet
from tests.inputs.test_incomplete_models import TEXT, UNET, VAE, half, unsafe
from tests.inputs.test_model_folders import MODEL, POINTER, SHARD, gone, holds, home, sharded, shards, study

__all__ = ["home", "study"]  # fixtures
LOADERS: dict[str, Any] = {"captioner": CaptionerModule, "generator": GeneratorModule, "sd3": GeneratorModule}
INDEX = f"{MODEL}.index.json"


def lose_a_tensor(folder: Path) -> None:
    """Leave out of a shard what the index finds there."""
    state = load_file(folder / SHARD)
    del state[sorted(state)[0]]
    save_file(state, folder / SHARD, metadata={"format": "pt"})


def nothing_beside(folder: Path) -> None:
    """Say in the index that there is no safety checker and no feature extractor."""
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"safety_checker": [None, None], "feature_extractor": [None, None], "image_encoder": [None, None]}
    (folder / "model_index.json").write_text(json.dumps(index))


#: Layout -> role, what makes it of the plain folder, and the words in which it is refused ("" = it loads).
LAYOUTS: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "sharded": ("captioner", shards, ""),
    "fp16 only": ("generator", half(UNET, VAE, TEXT), ""),
    "shard lost": ("captioner", sharded(gone(SHARD)), f"'{SHARD}' is not there"),
    "index lost": ("captioner", sharded(gone(INDEX)), f"'{INDEX}' is not there, and there are shards"),
    "tensor lost": ("captioner", sharded(lose_a_tensor), f"whose '{SHARD}' lacks '"),
    "tokenizer lost": ("captioner", gone("tokenizer.json"), "'tokenizer.json' is not there, nor another vocabulary"),
    "spiece.model only": ("sd3", gone("tokenizer_3/tokenizer.json"), ""),
    "no card": ("captioner", gone("card.json"), ""),
    "no safety checker": ("generator", unsafe, ""),
    "no safety checker, said": ("generator", nothing_beside, ""),
    "LFS pointer": ("captioner", holds(MODEL, POINTER), f"'{MODEL}' is a git-LFS pointer; `git lfs pull` fetches"),
}


@pytest.fixture
def plain(home: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A whole folder with a card; the T5 tokenizer of Stable Diffusion 3 lies there in both of its forms."""

    def make(role: str) -> Path:
        folder = tmp_path / "plain"
        shutil.copytree(home / role, folder)
        if role == "sd3":
            pieces(folder / "tokenizer_3", tmp_path / "words.txt")
        cards.write(folder, {"source": "a test"})
        return folder

    return make


def pieces(part: Path, words: Path) -> None:
    """Put a tokenizer of sentencepiece in place of one, with the `tokenizer.json` that transformers makes of it."""
    import sentencepiece

    settings = json.loads((part / "tokenizer_config.json").read_text())
    words.write_text("\n".join([*CAPTIONS, *SCENE_TEXTS]))
    (part / "tokenizer.json").unlink()
    sentencepiece.SentencePieceTrainer.train(
        input=str(words), model_prefix=str(part / "spiece"), vocab_size=60, hard_vocab_limit=False, pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    (part / "spiece.vocab").unlink()
    with quiet():
        AutoTokenizer.from_pretrained(part).save_pretrained(part)
    assert (part / "tokenizer.json").is_file()
    (part / "tokenizer_config.json").write_text(json.dumps(settings))


def tokens(module: Any) -> list[Any]:
    """What a model's tokenizers make of some texts."""
    found = (
        [p for n, p in module.parts.items() if n.startswith("tokenizer")]
        if hasattr(module, "parts")
        else [module.tokenizer]
    )
    return [t(list(CAPTIONS), padding=True)["input_ids"] for t in found if t is not None]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_loads_as_the_plain_folder_or_is_refused(
    layout: str, plain: Callable[[str], Path], study: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    role, edit, words = LAYOUTS[layout]
    side, folder, other = "generator" if role == "sd3" else role, plain(role), tmp_path / "m"
    shutil.copytree(folder, other)
    if layout != "no card":
        (other / "card.json").unlink()  # it says the digest of the plain files
    edit(other)
    file = str(study(side, other))
    said = []
    for command in (["plan", file], ["run", file, "--runs", str(tmp_path / "runs"), "--no-mirror"]):
        if words or command[0] == "plan":
            assert main(command) == (2 if words else 0)
            said.append(capsys.readouterr().err.strip())
    if words:
        assert said[0] == said[1]
        assert words in said[0]
        assert len(said[0].splitlines()) == 1
        assert not (tmp_path / "runs").exists()
        return
    found, wanted = (LOADERS[role].load(f) for f in (other, folder))
    assert tokens(found) == tokens(wanted)
    whole, state = wanted.state_dict(), found.state_dict()
    assert state.keys() == whole.keys()
    for name, value in whole.items():
        assert torch.equal(state[name], value.half().float() if layout == "fp16 only" else value), name


@pytest.mark.parametrize(("module", "package"), [("google.protobuf", "protobuf"), ("sentencepiece", "sentencepiece")])
def test_a_vocabulary_of_pieces_without_its_packages_is_refused(
    module: str, package: str, plain: Callable[[str], Path], study: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = plain("sd3")
    for name in ("card.json", "tokenizer_3/tokenizer.json"):
        (folder / name).unlink()
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["plan", str(study("generator", folder))]) == 2
    assert f"'tokenizer_3/spiece.model' needs the package {package}, which is not installed" in capsys.readouterr().err


def test_a_card_enters_no_key(plain: Callable[[str], Path], study: Callable[..., Path]) -> None:
    folder, keys = plain("captioner"), []
    for _ in range(2):
        steps = make_plan(str(study("captioner", folder))).steps.values()
        keys += [step.key for step in steps if isinstance(step, Base) and step.in_files]
        (folder / "card.json").unlink(missing_ok=True)
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_the_ten_layouts_are_all_here() -> None:
    ten = {"sharded", "fp16 only", "shard lost", "index lost", "tensor lost", "tokenizer lost", "spiece.model only",
           "no card", "no safety checker", "LFS pointer"}  # fmt: skip
    assert ten <= set(LAYOUTS)
