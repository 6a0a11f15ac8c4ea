"""Folders of models as people have them: whole ones are planned with, others refused by plan and run in one sentence."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
import yaml
from safetensors.torch import load_file, save_file

from benchmarks.commands.main import main
from benchmarks.planning.needs import require_fit
from benchmarks.planning.planner import make_plan
from benchmarks.study.opening import _identify
from benchmarks.study.testbed import ClassSpec, ModelSpec
from datamodules.scenes.dataset import Scenes
from lightning_modules.architectures import clip
from lightning_modules.architectures.parts import Given
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.inputs.tokens import word_tokenizer
from lightning_modules.settings import FitSettings, Lora
from lightning_modules.tiny import captioners, generators
from lightning_modules.weights import cards, contents
from lightning_modules.weights.quiet import quiet
from records.errors import UsageError
from tests.lightning_modules.conftest import pairs, scenes

__all__ = ["pairs", "scenes"]  # fixtures
CLASSES = {
    "captioner": "lightning_modules.captioning.captioner.CaptionerModule",
    "generator": "lightning_modules.diffusion.generator.GeneratorModule",
    "clip": "lightning_modules.judges.clip.ClipJudge",
    "dino": "lightning_modules.judges.dinov2.DinoJudge",
    "sentences": "lightning_modules.judges.sentences.SentenceJudge",
    "inception": "lightning_modules.judges.inception.InceptionJudge",
}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1234\n"
MODEL, UNET = "model.safetensors", "unet/diffusion_pytorch_model.safetensors"


# --- folders


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whole folders of every role; SD 3 has every kind of part."""
    home = tmp_path_factory.mktemp("whole")
    torch.manual_seed(0)
    words = word_tokenizer(Scenes().vocabulary(), 32)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    with quiet():
        captioners.write("blip", home / "captioner")
        generators.make("sd15").save_pretrained(home / "generator")
        generators.make("sd3").save_pretrained(home / "sd3")
        clip.build(Given(Scenes().vocabulary(), 32, Path()), width=16, layers=1, patch=8).save(home / "clip")
        hf.Dinov2Model(hf.Dinov2Config(**sizes, image_size=28, patch_size=14)).save_pretrained(home / "dino")
        hf.BitImageProcessorPil().save_pretrained(home / "dino")
        hf.BertModel(hf.BertConfig(**sizes, vocab_size=len(words), intermediate_size=16)).save_pretrained(
            home / "sentences"
        )
        words.save_pretrained(home / "sentences")
    (home / "inception").mkdir()
    save_file({"a": torch.zeros(3)}, home / "inception" / "inception.safetensors")
    return home


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Path]:
    """A writer of a study that needs nothing but the model under test."""

    def write(role: str, folder: Path | str) -> Path:
        model = {"name": "mine", "class_path": CLASSES[role], "folder": str(folder)}
        toys = {kind: [{"name": kind, "class_path": f"tests.datamodules.toys.{kind.title()}"}]
                for kind in ("captioner", "generator")}  # fmt: skip
        judge = [{"name": "judge", "class_path": "tests.datamodules.toys.Judge"}]
        bed: dict[str, Any] = {"captioners": toys["captioner"], "generators": toys["generator"], "judges": judge}
        bed[f"{role}s" if f"{role}s" in bed else "judges"] = [model]
        data = {"class_path": "datamodules.scenes.dataset.Scenes", "init_args": {"image_size": 16}}
        primary = {"captioner": "unique_share", "generator": "frechet"}
        metrics = ["captions.diversity.CaptionDiversity", "images.distance.ImageDistance"]
        if role == "sentences":
            primary, metrics = {"captioner": "unique_share", "generator": "a"}, [
                "captions.diversity.CaptionDiversity", "captions.embedding.CaptionEmbedding"]  # fmt: skip
            primary.pop("generator")
        fit = {"steps": 1, "learning_rate": 1e-3}
        suite = {
            "schema": 1, "name": "small", "testbed": "bed.yaml", "iterations": 1, "n": 8, "seeds": [0],
            "fit": {"captioner": fit, "generator": fit}, "mitigations": ["none"],
            "evaluate": {"n": 8, "draw_inputs": 0, "floor_draws": 2},
            "metrics": [f"benchmarks.metrics.{name}" for name in metrics], "primary": primary,
            "scenarios": [{"file": "joint_finetune", "variants": ["real_prompts"]}],
        }  # fmt: skip
        (tmp_path / "bed.yaml").write_text(yaml.safe_dump({"schema": 1, "name": "bed", "data": data, **bed}))
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(suite))
        return tmp_path / "small.yaml"

    return write


# --- what is done to them


def gone(*names: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        for name in names:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return edit


def holds(name: str, text: str | bytes) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return edit


def cut(name: str, by: int = 100) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-by]) and None


def linked_to_nothing(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to("nowhere")

    return edit


def says(name: str, **values: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({k: v for k, v in {**content, **values}.items() if v != "gone"}))

    return edit


def shards(folder: Path, stem: str = "model", end: str = "") -> list[Path]:
    """Part a folder's weights in two, with an index, as large models are published."""
    state = load_file(folder / f"{stem}.safetensors")
    (folder / f"{stem}.safetensors").unlink()
    names, places = sorted(state), {}
    for i, part in enumerate((names[::2], names[1::2])):
        file = f"{stem}{end}-0000{i + 1}-of-00002.safetensors"
        save_file({name: state[name] for name in part}, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(part, file)
    (folder / f"{stem}.safetensors.index{end}.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return sorted(folder.glob("*-of-*"))


def both(*edits: Callable[[Path], Any]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        for each in edits:
            each(folder)

    return edit


def sharded(after: Callable[[Path], None]) -> Callable[[Path], None]:
    return both(shards, after)


def old_names(folder: Path) -> None:
    """Leave a tokenizer's vocabulary as files of its own, one of the two missing."""
    content = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(content["model"]["vocab"]))
    (folder / "tokenizer" / "tokenizer.json").unlink()


TOKENLESS = "'tokenizer.json' is not there, nor another vocabulary"
SHARD = "model-00002-of-00002.safetensors"
REFUSED: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "cut weights": ("captioner", cut(MODEL), f"whose '{MODEL}' is cut: "),
    "cut in the header": ("captioner", holds(MODEL, (9999).to_bytes(8, "little") + b"{"), "is cut: 9 bytes"),
    "empty weights": ("captioner", holds(MODEL, ""), f"whose '{MODEL}' is empty"),
    "weights left with git-LFS": ("captioner", holds(MODEL, POINTER), f"'{MODEL}' is a git-LFS pointer"),
    "an error page for weights": ("captioner", holds(MODEL, "<html>not found</html>"), "is no safetensors file"),
    "longer weights": ("captioner", lambda f: (f / MODEL).open("ab").write(b"more") and None, "is too long"),
    "a link to no weights": ("captioner", linked_to_nothing(MODEL), f"'{MODEL}' is a link to nothing"),
    "no weights": ("captioner", gone(MODEL), "holds no *.safetensors called 'model'"),
    "pickled weights alone": (
        "captioner", lambda f: (f / MODEL).rename(f / "pytorch_model.bin") and None, "holds no *.safetensors"),
    "a missing shard": ("captioner", sharded(gone(SHARD)), f"'{SHARD}' is not there"),
    "a cut shard": ("captioner", sharded(cut(SHARD)), f"'{SHARD}' is cut"),
    "a shard of another model": (
        "captioner", sharded(lambda f: save_file({"x": torch.zeros(1)}, f / SHARD)), f"'{SHARD}' lacks 'text_"),
    "no index": ("captioner", sharded(gone(f"{MODEL}.index.json")), f"'{MODEL}.index.json' is not there"),
    "a cut index": ("captioner", sharded(cut(f"{MODEL}.index.json", 9)), "cannot be read as JSON"),
    "no tokenizer": ("captioner", gone("tokenizer.json"), TOKENLESS),
    "a cut tokenizer": ("captioner", cut("tokenizer.json"), "'tokenizer.json' cannot be read as JSON"),
    "a tokenizer left with git-LFS": ("captioner", holds("tokenizer.json", POINTER), "'tokenizer.json' is a git-LFS"),
    "no settings of the tokenizer": ("captioner", gone("tokenizer_config.json"), "'tokenizer_config.json' is not there"),
    "no processor": ("captioner", gone("processor_config.json"), "'preprocessor_config.json' is not there, nor"),
    "a processor without images": ("captioner", says("processor_config.json", image_processor="gone"), "no 'image_proc"),
    "a configuration that is none": ("captioner", holds("config.json", "[]"), "'config.json' holds no JSON object"),
    "a cut generation config": ("captioner", cut("generation_config.json", 3), "'generation_config.json' cannot be"),
    "an adapter without its base": (
        "captioner", both(gone("config.json"), holds("adapter_config.json", '{"r": 2}')),
        "holds an adapter without base.json"),
    "an adapter beside a model": ("captioner", holds("adapter_config.json", '{"r": 2}'), "adapter_config.json"),
    "a card of other files": ("captioner", holds("card.json", json.dumps({"digest": "0" * 64})), "card.json says 000"),
    "a card that is cut": ("captioner", holds("card.json", '{"digest": '), "'card.json' cannot be read as JSON"),
    "a cut denoiser": ("generator", cut(UNET), f"whose '{UNET}' is cut"),
    "no denoiser": ("generator", gone("unet"), "'unet' holds no *.safetensors"),
    "no configuration of a part": ("generator", gone("vae/config.json"), "'vae/config.json' is not there"),
    "no folder of the tokenizer": ("generator", gone("tokenizer"), "'tokenizer' is not there"),
    "an empty tokenizer": ("generator", gone("tokenizer/tokenizer.json"), "whose 'tokenizer/tokenizer.json' is not"),
    "half a vocabulary": ("generator", old_names, "'tokenizer/merges.txt' is not there"),
    "no scheduler": ("generator", gone("scheduler/scheduler_config.json"), "'scheduler/scheduler_config.json' is not"),
    "a scheduler without its name": (
        "generator", holds("scheduler/scheduler_config.json", '{"beta_start": 1}'), "does not say its '_class_name'"),
    "an index without a tokenizer": ("generator", says("model_index.json", tokenizer="gone"), "names no 'tokenizer'"),
    "an index without a text encoder": (
        "generator", says("model_index.json", text_encoder=[None, None]), "names no 'text_encoder'"),
    "an index without a denoiser": ("generator", says("model_index.json", unet="gone"), "names no 'unet'"),
    "a part from elsewhere": (
        "generator", says("model_index.json", vae=["mine", "Coder"]), "takes 'vae' from 'mine', not transformers or diff"),
    "no third tokenizer": ("sd3", gone("tokenizer_3/tokenizer.json"), "'tokenizer_3/tokenizer.json' is not there"),
    "a cut third encoder": ("sd3", cut(f"text_encoder_3/{MODEL}"), f"'text_encoder_3/{MODEL}' is cut"),
    "a judge without words": ("clip", gone("tokenizer.json"), TOKENLESS),
    "a judge without a processor": ("dino", gone("preprocessor_config.json"), "'preprocessor_config.json' is not there"),
    "a cut judge": ("dino", cut(MODEL), f"'{MODEL}' is cut"),
    "a judge of captions without words": ("sentences", gone("tokenizer.json"), TOKENLESS),
    "a pooling that nobody follows": (
        "sentences", holds("modules.json", '[{"type": "sentence_transformers.models.Dense"}]'), "found 'Dense'"),
    "a cut Inception": ("inception", cut("inception.safetensors", 4), "'inception.safetensors' is cut"),
    "a published Inception that is cut": (
        "inception", holds("pt_inception-2015-12-05-6726825d.pth", b"PK\x03\x04rest"), "is cut: it has no end"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_plan_and_run_refuse_alike(
    case: str, home: Path, study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    role, edit, words = REFUSED[case]
    shutil.copytree(home / role, tmp_path / "m")
    edit(tmp_path / "m")
    file, said = str(study("generator" if role == "sd3" else role, tmp_path / "m")), []
    for command in (["plan", file], ["run", file, "--runs", str(tmp_path / "runs"), "--no-mirror"]):
        assert main(command) == 2
        said.append(capsys.readouterr().err.strip())
    assert said[0] == said[1]
    (sentence,) = said[0].splitlines()
    assert words in sentence
    assert "mine: folder: found " in sentence or "mine: folder: the files in " in sentence
    assert len(sentence.replace(str(tmp_path), "/home/somebody/study")) < 300
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("role", ["captioner", "generator", "clip", "dino", "sentences", "inception"])
def test_whole_folders_of_every_role_are_planned_with(
    role: str, home: Path, study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(study(role, home / role))]) == 0
    assert f"mine ({home / role}): there" in capsys.readouterr().out


def test_a_missing_folder_can_be_planned_with_and_not_run(
    study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(study("captioner", tmp_path / "m"))
    assert main(["plan", file]) == 0
    assert "MISSING" in capsys.readouterr().out
    assert main(["run", file, "--runs", str(tmp_path / "runs"), "--no-mirror"]) == 2
    assert "which is not there" in capsys.readouterr().err


def test_a_cut_card_does_not_have_a_shipped_model_trained_again(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "captioner", tmp_path / "m")
    (tmp_path / "m" / "card.json").write_text('{"recipe_digest": ')
    spec = ModelSpec("mine", CLASSES["captioner"], folder=str(tmp_path / "m"), recipe="blip2")
    with pytest.raises(UsageError, match=r"here: mine: folder: found .*'card.json' cannot be read as JSON"):
        _identify(spec, ClassSpec("datamodules.scenes.dataset.Scenes"), "here")


class Mine(CaptionerModule):
    """A captioner of somebody's own, which reads what it inherits."""


def test_a_class_that_inherits_what_it_reads(
    home: Path, study: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CLASSES, "captioner", f"{__name__}.Mine")
    file = str(study("captioner", tmp_path / "m"))
    shutil.copytree(home / "captioner", tmp_path / "m")
    require_fit(make_plan(file))
    (tmp_path / "m" / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=TOKENLESS):
        require_fit(make_plan(file))


def test_a_folder_that_no_step_reads_may_be_anything(
    study: Callable[..., Path], home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = study("captioner", home / "captioner")
    bed = yaml.safe_load((tmp_path / "bed.yaml").read_text())
    shutil.copytree(home / "captioner", tmp_path / "half")
    (tmp_path / "half" / MODEL).unlink()
    bed["captioners"].append({**bed["captioners"][0], "name": "second", "folder": str(tmp_path / "half")})
    (tmp_path / "bed.yaml").write_text(yaml.safe_dump(bed))
    assert main(["plan", str(file)]) == 0


@pytest.mark.parametrize("name", [n for n in captioners.FAMILIES if n != "blip"])
def test_every_captioner_family_passes(name: str, tmp_path: Path) -> None:
    captioners.write(name, tmp_path)
    contents.check_contents(tmp_path, CaptionerModule.reads, "CaptionerModule")


@pytest.mark.parametrize("name", [n for n in generators.FAMILIES if n not in ("sd15", "pixart_alpha_1024")])
def test_every_generator_family_passes(name: str, tmp_path: Path) -> None:
    with quiet():
        generators.make(name).save_pretrained(tmp_path)
    contents.check_contents(tmp_path, GeneratorModule.reads, "GeneratorModule")


# --- adapters


@pytest.fixture(scope="module")
def adapter(home: Path, pairs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter beside its base, both where they can be edited."""
    folder = tmp_path_factory.mktemp("adapter")
    shutil.copytree(home / "captioner", folder / "base")
    module = CaptionerModule.load(folder / "base")
    module.fit_pairs(pairs, FitSettings(0, 1e-2, 5, lora=Lora(rank=2, alpha=4.0)), seed=0)
    module.save(folder / "adapter")
    return folder


def less(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        file = folder / "adapter_model.safetensors"
        state = load_file(file)
        lost = next(k for k in sorted(state) if name in k)
        save_file({k: v for k, v in state.items() if k != lost}, file, metadata={"format": "pt"})

    return edit


CONFIG = "adapter_config.json"
ADAPTERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "rank-stabilised": (says(CONFIG, use_rslora=True), "says use_rslora True, which is not followed here"),
    "a scale a layer": (says(CONFIG, alpha_pattern={"query": 8}), "says alpha_pattern {'query': 8}"),
    "a rank a layer": (says(CONFIG, rank_pattern={"query": 8}), "says rank_pattern"),
    "whole layers beside it": (says(CONFIG, modules_to_save=["cls"]), "says modules_to_save ['cls']"),
    "weights taken apart": (says(CONFIG, use_dora=True), "says use_dora True"),
    "biases": (says(CONFIG, bias="all"), "says bias 'all'"),
    "some layers only": (says(CONFIG, layers_to_transform=[0]), "says layers_to_transform [0]"),
    "another start": (says(CONFIG, init_lora_weights="pissa"), "init_lora_weights 'pissa', which changes the base"),
    "another kind": (says(CONFIG, peft_type="IA3"), "says peft_type 'IA3' (allowed: 'LORA')"),
    "a pattern of layers": (says(CONFIG, target_modules="all-linear"), "says target_modules 'all-linear'"),
    "an option of later": (says(CONFIG, use_something_new=True), "says use_something_new True"),
    "no rank": (says(CONFIG, r="gone"), "does not say 'r'"),
    "another rank": (says(CONFIG, r=3), "of rank 2, and adapter_config.json says r 3"),
    "one factor less": (less("lora_B"), "'adapter_model.safetensors' lacks '"),
    "cut": (cut("adapter_model.safetensors"), "'adapter_model.safetensors' is cut"),
    "no configuration": (gone(CONFIG), f"'{CONFIG}' is not there"),
    "no base": (lambda f: shutil.rmtree(f.parent / "base"), "cannot be used without its base"),
    "an edited base": (lambda f: says("config.json", note=1)(f.parent / "base"), "was trained on a base with digest"),
    "a cut base.json": (cut("base.json", 5), "'base.json' cannot be read as JSON"),
}


@pytest.mark.parametrize("case", ADAPTERS)
def test_adapters_that_would_load_as_another_are_refused(
    case: str, adapter: Path, study: Callable[..., Path], tmp_path: Path
) -> None:
    edit, words = ADAPTERS[case]
    shutil.copytree(adapter, tmp_path / "a")
    (tmp_path / "a/adapter/base.json").write_text(
        (tmp_path / "a/adapter/base.json").read_text().replace(str(adapter), str(tmp_path / "a"))
    )
    file = str(study("captioner", tmp_path / "a" / "adapter"))
    require_fit(make_plan(file))  # whole, it is planned with
    edit(tmp_path / "a" / "adapter")
    with pytest.raises(UsageError) as caught:
        require_fit(make_plan(file))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_adapter_is_of_its_own_side(adapter: Path, study: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="holds an adapter of CaptionerModule, which GeneratorModule does not read"):
        require_fit(make_plan(str(study("generator", adapter / "adapter"))))


# --- what enters a model's digest


def test_files_that_count(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "linked").symlink_to(outside)
    before = cards.digest(folder)
    for name in (".gitattributes", "README.md", "LICENSE.txt", "teaser.PNG", "card.json", "notes.md",
                 ".ipynb_checkpoints/config.json", "sub/.config.json.swp", ".cache/huggingface/x.json"):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("for people, or hidden")
        assert cards.digest(folder) == before, name
    for name in ("spiece.model", "merges.txt", "vocab.txt", "vocab.json", "chat_template.jinja", "sub/config.json",
                 "pytorch_model.bin", "generation_config.json", "scheduler/scheduler_config.json", "tokenizer.json",
                 "preprocessor_config.json", "1_Pooling/config.json", "adapter/adapter_config.json",
                 "linked/config.json", "custom.py"):  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("one")
        assert (found := cards.digest(folder)) != before, name
        (folder / name).write_text("two")
        assert cards.digest(folder) != found, name
        before = cards.digest(folder)


@pytest.mark.parametrize("large", [False, True])
def test_an_edit_that_keeps_size_and_time_is_seen(large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "MEMORY", tmp_path / "memory")
    monkeypatch.setattr(cards, "LARGE", 0 if large else cards.LARGE)
    monkeypatch.setattr(cards, "SETTLED", 0)  # as if every file had lain there for long
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "model.safetensors", tmp_path / "folder" / "model.safetensors"
    link.parent.mkdir()
    link.symlink_to(file)
    file.write_bytes(b"one")
    os.utime(file, ns=(0, 0))
    before = cards.digest(link.parent)
    assert cards.digest(link.parent) == before
    file.write_bytes(b"two")  # another text in the same place
    os.utime(file, ns=(0, 0))
    edited = cards.digest(link.parent)
    assert edited != before
    other = file.with_name("other")
    other.write_bytes(b"six")  # another file under the same name
    os.utime(other, ns=(0, 0))
    other.replace(file)
    assert cards.digest(link.parent) not in (before, edited)


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_mark", lambda state: (state.st_size, 2**63))  # a clock that has not moved on
    (tmp_path / "config.json").write_text("one")
    before = cards.digest(tmp_path)
    (tmp_path / "config.json").write_text("two")
    assert cards.digest(tmp_path) != before


def test_links_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.json").write_text("{}")
    before = cards.digest(tmp_path)
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    assert cards.digest(tmp_path) == before
