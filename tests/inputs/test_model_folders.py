"""Folders of models as people have them: whole ones are planned with, others refused by plan and run in one sentence."""

from __future__ import annotations

import json
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
from lightning_modules.tiny import captioners, generators
from lightning_modules.weights import contents
from lightning_modules.weights.quiet import quiet
from records.errors import UsageError

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
    said = capsys.readouterr().out
    assert "MISSING" not in said
    assert " mine" in said.partition("\nthere: ")[2].partition("\n\n")[0]


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
    with pytest.raises(UsageError, match=r"here: captioners: mine: folder: found .*'card.json' cannot be read as JSON"):
        _identify(spec, ClassSpec("datamodules.scenes.dataset.Scenes"), Scenes(), Path("here"), "captioners")


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
