"""How long a text may be is known for every model, whatever its tokenizer says or leaves out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.inputs.tokens import places, tokenize, word_tokenizer
from lightning_modules.judges.clip import ClipJudge
from lightning_modules.judges.sentences import SentenceJudge
from lightning_modules.settings import CaptionDecoding, FitSettings, ImageDecoding
from lightning_modules.tiny import captioners
from lightning_modules.tiny.models import TinyCaptioner
from lightning_modules.tiny.tokenizers import LENGTH
from tests.lightning_modules.test_captioner_families import eight
from tests.lightning_modules.tiny_captioners import images
from tests.lightning_modules.tiny_generators import difference, folders_of, load

torch.set_num_threads(1)

ONE, TWO = ["red dot"], ["red dot", "blue box green bar pink sky " * 4]
SEEDS = np.arange(2, dtype=np.uint64)
QUICK = ImageDecoding(1, 1.0)
MORE = ("sdxl", "sd15", "sd21", "pixart_alpha", "sd3_without_t5", "flux_dev", "flux_schnell")


def slow(name: str) -> Any:
    return pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory):
    return folders_of(tmp_path_factory)


def tokenizers_of(module: GeneratorModule) -> list[Any]:
    return [part for name, part in module.parts.items() if name.startswith("tokenizer") and part is not None]


# --- generators


@pytest.mark.parametrize("said", ["left out", None])
def test_the_limit_is_the_encoder_s_positions(folders, tmp_path, said):
    shutil.copytree(folders("sd15"), tmp_path / "sd15", symlinks=True)
    file = tmp_path / "sd15" / "tokenizer" / "tokenizer_config.json"
    settings = json.loads(file.read_text()) | {"model_max_length": said}
    if said == "left out":
        settings.pop("model_max_length")
    file.write_text(json.dumps(settings))
    own, module = load(folders("sd15"), "sd15"), load(tmp_path / "sd15", "sd15")
    assert module.family.tokens(TWO)["ids"].shape == (2, LENGTH)
    assert np.array_equal(module.generate(TWO, QUICK, SEEDS).outputs, own.generate(TWO, QUICK, SEEDS).outputs)


def test_so_it_is_whatever_a_tokenizer_says(folders):
    module = load(folders("sd15"), "sd15")
    for said in (None, int(1e30), 1e30, 10**6, 4 * LENGTH, LENGTH, float(LENGTH), 0, -1, "many"):
        module.parts["tokenizer"].model_max_length = said
        assert [module.family.tokens(prompts)["ids"].shape[1] for prompts in (ONE, TWO)] == [LENGTH, LENGTH]


def test_a_tokenizer_may_allow_less(folders):
    module = load(folders("sd15"), "sd15")
    module.parts["tokenizer"].model_max_length = 5
    assert module.family.tokens(TWO)["ids"].shape == (2, 5)


@pytest.mark.parametrize("name", ["pixart_sigma", "sd3", *(slow(name) for name in MORE)])
def test_an_image_does_not_depend_on_its_neighbours(folders, name):
    module = load(folders(name), name)
    for tokenizer in tokenizers_of(module):
        tokenizer.model_max_length = int(1e30)
    alone, together = (module.generate(prompts, QUICK, SEEDS[: len(prompts)]).outputs for prompts in (ONE, TWO))
    assert difference(alone, together[:1]) <= 1
    assert module.family.tokens(ONE)["ids"].shape[1] == module.family.tokens(TWO)["ids"].shape[1]


@pytest.mark.parametrize("name", ["sd3_without_t5", slow("sdxl")])
def test_encoders_that_stand_side_by_side_read_equally_many_tokens(folders, name):
    module = load(folders(name), name)
    module.parts["tokenizer"].model_max_length, module.parts["tokenizer_2"].model_max_length = 9, int(1e30)
    found = module.family.tokens(TWO)
    assert found["ids"].shape == found["ids_2"].shape == (2, 9)
    assert len(module.generate(TWO, QUICK, SEEDS).outputs) == 2


def test_a_tokenizer_without_a_token_to_pad_with_is_refused_at_once(folders):
    words = word_tokenizer(("red", "dot"), LENGTH)
    words.pad_token = None
    module = load(folders("sd15"), "sd15")
    parts = {**module.parts, "tokenizer": words}
    with pytest.raises(ValueError, match="pad_token: found none; allowed: the token that fills up short texts"):
        GeneratorModule(module.pipeline, parts, module.settings)


def test_nothing_is_padded_to_a_length_that_nobody_knows():
    words = word_tokenizer(("red", "dot"), int(1e30))
    with pytest.raises(ValueError, match="model_max_length: found 1000000000000000019884624838656; allowed: the most"):
        tokenize(words, ["red"], fixed=True)
    assert tokenize(words, ["red dot red"])[0].shape == (1, 5)
    assert tokenize(words, ["red dot red"], limits=(None, 4))[0].tolist() == [[1, 4, 5, 3]]


# --- judges


SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def test_a_judge_of_captions_reads_as_far_as_its_positions():
    """RoBERTa counts them from behind the number of its padding token."""
    words = word_tokenizer(("red", "dot"), int(1e30))
    for kind, config in ((hf.RobertaModel, hf.RobertaConfig), (hf.BertModel, hf.BertConfig)):
        network = kind(config(**SIZES, vocab_size=8, max_position_embeddings=12, pad_token_id=0)).eval()
        assert places(network) == (11 if kind is hf.RobertaModel else 12)
        judge = SentenceJudge(network, words)
        long, cut = judge.embed_texts(["red " * 40, "red " * (places(network) - 2)])
        np.testing.assert_allclose(long, cut, atol=1e-6)
    assert places(hf.T5EncoderModel(hf.T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2))) is None


def test_so_does_a_judge_of_both():
    text = hf.CLIPTextConfig(**SIZES, vocab_size=8, max_position_embeddings=12, eos_token_id=3, bos_token_id=1)
    vision = hf.CLIPVisionConfig(**SIZES, image_size=16, patch_size=8)
    network = hf.CLIPModel(
        hf.CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8)
    ).eval()
    named, unnamed = (ClipJudge(network, word_tokenizer(("red", "dot"), n), None) for n in (12, int(1e30)))
    texts = ["red dot", "dot " * 40, ""]
    np.testing.assert_array_equal(unnamed.embed_texts(texts), named.embed_texts(texts))


# --- captioners

SOME = ("blip_2_opt", "vit_gpt2", "llava")
ROOM = {"blip_2_opt": 59, "blip": 127, "git": 127, "vit_gpt2": 63, "blip_2_t5": None}


@pytest.mark.parametrize("family", [f if f in SOME else slow(f) for f in captioners.FAMILIES])
def test_a_caption_never_runs_out_of_positions(family):
    module = TinyCaptioner(family)
    room = module.family.room
    assert room == ROOM.get(family, room)
    module.max_length = 500
    long = ("a red dog " * 300,)
    labels = module.labels(long)
    assert labels.shape[1] == min(500 if room is None else room, len(module.family.words(long[0])))
    full = module.labels(("a red dog",))
    assert full[0, -1] == module.family.end != labels[0, -1]
    last = 9 if room is None else room + 1
    with torch.no_grad():
        assert bool(torch.isfinite(module.losses({"images": torch.from_numpy(images(1)), "labels": labels})[0]).all())
        features = module.family.features(module._pixels(images(1)))
        told = {"do_sample": False, "max_new_tokens": last, "eos_token_id": [-1], "pad_token_id": 0}
        assert module.family.write(features, **told).shape == (1, last)


@pytest.mark.parametrize("family", ["vit_gpt2", "llava"])
def test_longer_captions_than_there_are_positions_for_are_refused(family):
    module = TinyCaptioner(family)
    most = module.family.room + 1
    with pytest.raises(ValueError, match=f"decoding: max_new_tokens: found {most + 1}; allowed: at most {most}, for"):
        module.generate(images(1), CaptionDecoding(max_new_tokens=most + 1), SEEDS[:1])


def test_a_prompt_that_leaves_no_position_is_refused(tmp_path):
    captioners.write("vit_gpt2", tmp_path)
    with pytest.raises(
        ValueError, match=r"prompt: found \d+ tokens; allowed: at least \d+ fewer, so that the model has"
    ):
        CaptionerModule.load(tmp_path, prompt="a photo of " * 60)


@pytest.mark.parametrize("most", [0, -5])
def test_no_length_to_train_on_is_refused(tmp_path, most):
    captioners.write("git", tmp_path)
    with pytest.raises(ValueError, match=f"max_length: found {most}; allowed: at least 1 token"):
        CaptionerModule.load(tmp_path, max_length=most)


def test_a_fit_on_long_captions_goes_through():
    module, pairs = TinyCaptioner("vit_gpt2"), eight()
    pairs = replace(pairs, captions=tuple(f"{text} " * 30 for text in pairs.captions))
    report = module.fit_pairs(pairs, FitSettings(1, 1e-3, 8), seed=0)
    assert np.isfinite(report.losses).all()
    assert report.samples == 8
