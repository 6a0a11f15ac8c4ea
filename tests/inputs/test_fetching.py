"""What a plan says about fetching models: what is read of a repository, and no more."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.utils import filter_repo_objects

from benchmarks.commands.main import main
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.judges.clip import ClipJudge
from lightning_modules.judges.dinov2 import DinoJudge
from lightning_modules.judges.sentences import SentenceJudge
from lightning_modules.tiny import captioners, generators
from lightning_modules.weights.contents import check_contents
from lightning_modules.weights.fetching import command, wanted, weightless, with_half
from lightning_modules.weights.quiet import quiet

WEIGHTS, UNET = "model.safetensors", "unet/diffusion_pytorch_model"
SHARDS = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
#: What repositories of each kind hold: files that are read, and files that are not.
REPOSITORIES: dict[str, tuple[type, list[str], list[str]]] = {
    "a pipeline with everything twice": (
        GeneratorModule,
        ["model_index.json", "scheduler/scheduler_config.json", "tokenizer/vocab.json", "tokenizer/merges.txt",
         "tokenizer/tokenizer_config.json", "tokenizer_2/special_tokens_map.json", "text_encoder/config.json",
         f"text_encoder/{WEIGHTS}", f"text_encoder_2/{WEIGHTS}", "unet/config.json", f"{UNET}.safetensors",
         "vae/config.json", "vae/diffusion_pytorch_model.safetensors"],
        ["sd_xl_base_1.0.safetensors", "sd_xl_base_1.0_0.9vae.safetensors", f"{UNET}.fp16.safetensors",
         f"{UNET}.non_ema.safetensors", f"{UNET}.bin", "unet/model.onnx", "unet/model.onnx_data",
         "unet/openvino_model.bin", "unet/diffusion_flax_model.msgpack", "text_encoder/model.fp16.safetensors",
         "text_encoder/pytorch_model.bin", "text_encoder/model.onnx", "text_encoder/flax_model.msgpack",
         "vae_1_0/diffusion_pytorch_model.safetensors", "vae_decoder/model.onnx",
         "vae/diffusion_pytorch_model.fp16.safetensors", "safety_checker/model.safetensors",
         "safety_checker/config.json", "feature_extractor/preprocessor_config.json", "README.md", "01.png",
         "comfy_example_workflows/sd3_basic.json", ".gitattributes"]),
    "a pipeline in shards": (
        GeneratorModule,
        ["model_index.json", "tokenizer_3/spiece.model", "tokenizer_3/tokenizer.json", "transformer/config.json",
         "transformer/diffusion_pytorch_model-00001-of-00003.safetensors",
         "transformer/diffusion_pytorch_model.safetensors.index.json", *(f"text_encoder_3/{s}" for s in SHARDS),
         f"text_encoder_3/{WEIGHTS}.index.json"],
        ["flux1-dev.safetensors", "ae.safetensors", "text_encoder_3/model.fp16-00001-of-00002.safetensors",
         f"text_encoder_3/{WEIGHTS}.index.fp16.json", "text_encoders/t5xxl_fp8_e4m3fn.safetensors"]),
    "a captioner in shards": (
        CaptionerModule,
        ["config.json", "generation_config.json", *SHARDS, f"{WEIGHTS}.index.json", "tokenizer.json", "merges.txt",
         "tokenizer.model", "preprocessor_config.json", "chat_template.jinja"],
        ["pytorch_model-00001-of-00002.bin", "tf_model.h5", "README.md"]),
    "a dual encoder": (
        ClipJudge,
        ["config.json", WEIGHTS, "vocab.json", "merges.txt", "preprocessor_config.json", "tokenizer_config.json"],
        ["pytorch_model.bin", "flax_model.msgpack", "open_clip_pytorch_model.bin", "open_clip_model.safetensors"]),
    "a sentence encoder": (
        SentenceJudge,
        ["config.json", WEIGHTS, "vocab.txt", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"],
        ["onnx/model.onnx", "onnx/config.json", "openvino/openvino_model.xml", "rust_model.ot", "pytorch_model.bin"]),
    "a judge of images": (
        DinoJudge, ["config.json", WEIGHTS, "preprocessor_config.json"], ["pytorch_model.bin", "notes.txt"]),
}  # fmt: skip


def files_of(cls: Any) -> Any:
    return wanted(cls.reads, getattr(cls, "embeds", ("images", "captions")))


def fetched(cls: Any, names: list[str]) -> Iterator[str]:
    """Choose files as `hf download` does."""
    chosen = files_of(cls)
    return filter_repo_objects(names, allow_patterns=list(chosen.include), ignore_patterns=list(chosen.exclude) or None)


@pytest.mark.parametrize("case", REPOSITORIES)
def test_what_is_read_is_fetched_and_nothing_else(case: str) -> None:
    cls, read, other = REPOSITORIES[case]
    assert sorted(fetched(cls, read + other)) == sorted(read)


@pytest.mark.parametrize("halves", [{"unet"}, {"unet", "vae", "text_encoder", "text_encoder_2"}, {""}])
def test_what_a_repository_holds_in_float16_alone_is_fetched_by_the_next_command(
    halves: set[str], tmp_path: Path
) -> None:
    """The first command leaves float16 out, since most repositories hold it a second time; then the plan knows."""
    cls: Any = CaptionerModule if halves == {""} else GeneratorModule
    with quiet():
        captioners.write("blip", tmp_path / "all") if halves == {""} else generators.make("sdxl").save_pretrained(
            tmp_path / "all"
        )
    for file in sorted((tmp_path / "all").rglob("*.safetensors")):
        place = file.parent.relative_to(tmp_path / "all").as_posix()
        half = file.with_name(file.name.replace(".safetensors", ".fp16.safetensors"))
        shutil.copy(file, half)
        if place in halves or (place == "." and "" in halves):
            file.unlink()
    names = [f.relative_to(tmp_path / "all").as_posix() for f in (tmp_path / "all").rglob("*") if f.is_file()]

    def fetch(files: Any) -> list[str]:
        chosen = list(
            filter_repo_objects(names, allow_patterns=list(files.include), ignore_patterns=list(files.exclude))
        )
        for each in chosen:
            (tmp_path / "some" / each).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / "all" / each, tmp_path / "some" / each)
        return chosen

    fetch(files_of(cls))
    assert set(weightless(tmp_path / "some")) == halves
    chosen = fetch(with_half(files_of(cls), tmp_path / "some"))
    assert {Path(name).parent.as_posix().removeprefix(".") for name in chosen if ".fp16." in name} == halves
    check_contents(tmp_path / "some", cls.reads, cls.__name__)
    found, whole = cls.load(tmp_path / "some"), cls.load(tmp_path / "all")
    assert all(torch.equal(v, whole.state_dict()[k]) for k, v in found.state_dict().items())
    assert with_half(files_of(cls), tmp_path / "some") == files_of(cls), "and then nothing is missing"


@pytest.mark.parametrize("name", ["blip", "sd3"])
def test_what_is_fetched_is_a_whole_folder(name: str, tmp_path: Path) -> None:
    cls: Any = CaptionerModule if name == "blip" else GeneratorModule
    with quiet():
        captioners.write(name, tmp_path / "all") if name == "blip" else generators.make(name).save_pretrained(
            tmp_path / "all"
        )
    (tmp_path / "all" / "pytorch_model.bin").write_text("pickled")
    names = [f.relative_to(tmp_path / "all").as_posix() for f in (tmp_path / "all").rglob("*") if f.is_file()]
    for each in fetched(cls, names):
        (tmp_path / "some" / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "all" / each, tmp_path / "some" / each)
    assert not (tmp_path / "some" / "pytorch_model.bin").exists()
    check_contents(tmp_path / "some", cls.reads, cls.__name__)
    cls.load(tmp_path / "some")


def test_the_command_is_one_that_hf_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.cli import download
    from huggingface_hub.cli.hf import app
    from typer.main import get_command

    heard: dict[str, Any] = {}
    monkeypatch.setattr(download, "snapshot_download", lambda **said: heard.update(said) or "/there")
    words = shlex.split(command("org/model", "0" * 40, files_of(GeneratorModule)))
    assert words[:2] == ["hf", "download"]
    hf: Any = app if hasattr(app, "main") else get_command(app)
    hf.main(words[1:], standalone_mode=False)
    assert (heard["repo_id"], heard["revision"]) == ("org/model", "0" * 40)
    assert tuple(heard["allow_patterns"]) == files_of(GeneratorModule).include
    assert tuple(heard["ignore_patterns"]) == files_of(GeneratorModule).exclude


def test_a_plan_prints_the_commands_of_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "paper_lite"]) == 0
    shown = capsys.readouterr().out
    assert "fetch what is missing: mmcollapse plan paper_lite --fetch" in shown or "more notes in plan" in shown
    assert main(["plan", "paper_lite", "--fetch"]) == 0
    printed = capsys.readouterr().out.splitlines()
    for line in (line for line in printed if not line.startswith("#")):
        assert line.startswith("hf download ")
        assert " --revision " in line
        assert " --include " in line
    assert any(line.startswith("hf download stable-diffusion-v1-5/") for line in printed)
