"""Weights that are not here, or not what they are taken for: one sentence each, before anything runs."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from benchmarks.planning.needs import _require_weights, fetching
from benchmarks.steps.context import RunContext, make_model
from benchmarks.storage.store import Record
from benchmarks.study.opening import _identify
from benchmarks.study.suite import Executions
from benchmarks.study.testbed import ModelSpec
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.settings import CaptionDecoding, Execution
from lightning_modules.weights.sources import ROOT, MissingModel, Origin, portable, snapshot
from records.canonical import Spec
from records.errors import UsageError
from tests.lightning_modules.conftest import make_captioner, make_generator, make_judge
from tests.memory_store import MemoryStore

CLASSES = {
    "captioner": "lightning_modules.captioning.captioner.CaptionerModule",
    "generator": "lightning_modules.diffusion.generator.GeneratorModule",
    "judge": "lightning_modules.judges.clip.ClipJudge",
    "scorer": "lightning_modules.judges.scorer.DualScorer",
}
COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture(scope="module")
def folders(scenes, siblings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_captioner("git", scenes).save(folder / "captioner")
    make_generator("sdxl_unet", scenes, siblings).save(folder / "generator")
    make_judge("clip", scenes).save(folder / "judge")
    make_judge("conv_dual", scenes).save(folder / "scorer")
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A Hugging Face cache of our own, and no network: whoever opens a connection fails the test."""

    def refuse(*_, **__):
        raise AssertionError("nothing is downloaded at run time")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tmp_path / "hub"


def put(cache, name, source, commit=COMMIT):
    folder = cache / f"models--{name.replace('/', '--')}" / "snapshots" / commit
    if source is None:
        folder.mkdir(parents=True)
    else:
        shutil.copytree(source, folder)
    return folder


def refused(kind, words, **source):
    spec = ModelSpec("mine", CLASSES[kind], **source)
    with pytest.raises(UsageError) as caught:
        _require_weights(Spec({}, (spec, None)), "suite.yaml: testbed 't'")
    sentence = str(caught.value)
    key = "hub" if "hub" in source else "folder"
    assert sentence.startswith(f"suite.yaml: testbed 't': mine: {key}: found ")
    assert "\n" not in sentence
    for word in words:
        assert word in sentence, sentence


@pytest.mark.parametrize("kind", CLASSES)
def test_what_is_right_is_let_through(kind, folders, cache):
    put(cache, "org/model", folders / kind)
    for source in ({"folder": str(folders / kind)}, {"hub": "org/model", "revision": COMMIT}):
        _require_weights(Spec({}, (ModelSpec("mine", CLASSES[kind], **source), None)), "here")


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (
            "generator",
            "captioner",
            ("holds 'git' (config.json)", "GeneratorModule reads a folder with model_index.json"),
        ),
        ("captioner", "generator", ("'StableDiffusionXLPipeline'", "CaptionerModule reads a folder with config.json")),
        ("captioner", "judge", ("holds 'clip'", "CaptionerModule loads one of:", "blip_2")),
        ("judge", "captioner", ("holds 'git'", "ClipJudge loads one of: clip")),
        ("judge", "scorer", ("'vision-text-dual-encoder'", "clip")),
        ("scorer", "judge", ("holds 'clip'", "vision-text-dual-encoder")),
    ],
)
def test_a_folder_of_another_class(kind, given, words, folders):
    refused(kind, words, folder=str(folders / given))


def test_a_folder_without_what_belongs_there(folders, tmp_path):
    refused("captioner", (str(tmp_path / "gone"), "no folder"), folder=str(tmp_path / "gone"))
    (tmp_path / "empty").mkdir()
    refused("captioner", ("holds no model", "config.json"), folder=str(tmp_path / "empty"))
    shutil.copytree(folders / "generator", tmp_path / "weightless")
    for file in (tmp_path / "weightless" / "unet").glob("*.safetensors"):
        file.unlink()
    refused("generator", ("'unet' holds no *.safetensors",), folder=str(tmp_path / "weightless"))
    shutil.copytree(folders / "generator", tmp_path / "partless")
    shutil.rmtree(tmp_path / "partless" / "text_encoder_2")
    refused("generator", ("'text_encoder_2' holds no *.safetensors",), folder=str(tmp_path / "partless"))
    shutil.copytree(folders / "captioner", tmp_path / "cut")
    (tmp_path / "cut" / "config.json").write_text('{"model_type": ')
    refused("captioner", ("config.json", "cannot be read as JSON"), folder=str(tmp_path / "cut"))


def test_a_family_that_nobody_has_written(folders, tmp_path):
    shutil.copytree(folders / "generator", tmp_path / "odd")
    index = json.loads((tmp_path / "odd" / "model_index.json").read_text())
    (tmp_path / "odd" / "model_index.json").write_text(json.dumps({**index, "_class_name": "OddPipeline"}))
    refused("generator", ("'OddPipeline'", "loads one of:", "stablediffusionxl"), folder=str(tmp_path / "odd"))


def test_a_hub_model_that_is_not_in_the_cache(cache):
    words = ("'org/model'", "not in the Hugging Face cache", "`mmcollapse plan SUITE --fetch` prints", "licence")
    refused("generator", words, hub="org/model", revision=COMMIT)


def test_a_hub_name_that_is_none(cache):
    refused("generator", ("no name of a hub model",), hub="a/b/c", revision=COMMIT)


def test_a_revision_that_is_not_in_the_cache_though_another_is(cache, folders):
    put(cache, "org/model", folders / "generator", OTHER)
    words = (f"with revision {OTHER} and not with {COMMIT}", "plan SUITE --fetch")
    refused("generator", words, hub="org/model", revision=COMMIT)


def test_a_download_that_was_refused_or_cut(cache, folders):
    folder = put(cache, "org/gated", None)
    (folder / "README.md").write_text("# gated")
    words = ("holds no model", "`mmcollapse plan SUITE --fetch` prints", "licence")
    refused("captioner", words, hub="org/gated", revision=COMMIT)
    folder = put(cache, "org/cut", folders / "captioner")
    (folder / "model.safetensors").unlink()
    refused("captioner", ("no *.safetensors", "fetch it with the command that"), hub="org/cut", revision=COMMIT)


def test_what_is_there_and_not_whole_is_fetched_anew(cache, folders):
    spec = Spec({}, (ModelSpec("mine", CLASSES["captioner"], hub="org/model", revision=COMMIT), None))
    absent = fetching(spec)
    assert absent.startswith(f"hf download org/model --revision {COMMIT} --include ")
    folder = put(cache, "org/model", folders / "captioner")
    assert fetching(spec) == absent
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9])
    assert fetching(spec) == f"{absent} --force-download"


def test_a_hub_model_is_loaded_from_its_snapshot(cache, folders, pairs):
    put(cache, "org/model", folders / "captioner")
    spec = ModelSpec("mine", CLASSES["captioner"], hub="org/model", revision=COMMIT)
    made = make_model(spec)
    assert made.origin == Origin(CLASSES["captioner"], hub="org/model", revision=COMMIT)
    decoding, seeds = CaptionDecoding(max_new_tokens=6), np.arange(12, dtype=np.uint64)
    assert (
        made.generate(pairs.images, decoding, seeds).outputs
        == CaptionerModule.load(folders / "captioner").generate(pairs.images, decoding, seeds).outputs
    )
    branch = cache / "models--org--model" / "refs" / "main"
    branch.parent.mkdir()
    branch.write_text(COMMIT)
    assert snapshot("org/model", "main") == snapshot("org/model", COMMIT)
    with pytest.raises(MissingModel, match="not in the Hugging Face cache"):
        make_model(ModelSpec("mine", CLASSES["captioner"], hub="org/other", revision=COMMIT))


def test_names_hold_on_other_machines():
    assert portable(ROOT / "some" / "base") == "some/base"
    assert Origin("x", folder="lightning_modules").locate() == ROOT / "lightning_modules"
    assert portable("/elsewhere/base") == "/elsewhere/base"


def test_the_number_format_is_identity_only_where_it_is_not_the_old_one():
    spec = {"name": "m", "class_path": CLASSES["captioner"], "hub": "org/model", "revision": COMMIT}
    specs = [ModelSpec(**spec, **more) for more in ({}, {"dtype": "bfloat16"})]
    plain, half = (_identify(made, None, None, Path("here"), "captioners").value for made in specs)
    assert "dtype" not in plain
    assert half == {**plain, "dtype": "bfloat16"}
    with pytest.raises(ValueError, match="dtype needs weights"):
        ModelSpec("m", CLASSES["captioner"], dtype="bfloat16")


def test_execution_reaches_the_models_and_no_key(folders):
    store = MemoryStore()
    spec = ModelSpec("mine", CLASSES["captioner"], folder=str(folders / "captioner"), dtype="bfloat16")
    store.put(Record("key", "base"), spec.__dict__)
    execution = Execution(micro_batch=3, generate_batch=5)
    model = RunContext(store, execution=Executions(captioner=execution)).fresh_model("key")
    assert (model.execution, model.batch_size, model.loaded_as) == (execution, 5, "bfloat16")
    assert RunContext(store).fresh_model("key").execution == Execution()


def test_asking_is_free_of_torch():
    code = "import sys, benchmarks.planning.needs, lightning_modules.weights.sources; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
