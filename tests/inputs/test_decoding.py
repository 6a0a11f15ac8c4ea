"""The suite's decoding is the whole decoding: nothing in a model's folder changes what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.captioning.decoding import tokens_of
from lightning_modules.settings import CaptionDecoding
from lightning_modules.tiny import captioners
from tests.lightning_modules.tiny_captioners import images

torch.set_num_threads(1)

IMAGES, SEEDS = images(3), np.arange(3, dtype=np.uint64)
DECODINGS = {
    "greedy": CaptionDecoding(max_new_tokens=5),
    "beams": CaptionDecoding(beams=3, max_new_tokens=5),
    "sampled": CaptionDecoding(temperature=1.5, top_p=0.95, max_new_tokens=5),
}
WORDS = list(range(20, 90))
SETTINGS: dict[str, dict[str, Any]] = {
    "penalties": {"repetition_penalty": 5.0, "no_repeat_ngram_size": 1, "encoder_repetition_penalty": 3.0},
    "forced": {"forced_bos_token_id": 7, "forced_eos_token_id": 9},
    "forbidden": {"suppress_tokens": WORDS, "begin_suppress_tokens": WORDS, "bad_words_ids": [[i] for i in WORDS]},
    "biased": {"sequence_bias": [[[25], 50.0]], "exponential_decay_length_penalty": [1, 9.0], "guidance_scale": 3.0},
    "watermarked": {"watermarking_config": {"greenlist_ratio": 0.2, "bias": 9.0}},
    "several": {"num_return_sequences": 2, "num_beams": 2},
    "several of one": {"num_return_sequences": 2},
    "limited": {"max_time": 1e-9, "max_length": 2, "max_new_tokens": 2, "min_length": 6, "stop_strings": ["e", "a"]},
    "beams": {"num_beams": 4, "length_penalty": -9.0, "early_stopping": True, "do_sample": True, "top_k": 1},
    "another search": {"penalty_alpha": 0.6, "top_k": 4},
    "groups": {"num_beams": 2, "num_beam_groups": 2, "diversity_penalty": 5.0},
    "looked up": {"prompt_lookup_num_tokens": 3, "token_healing": True},
    "layers": {"dola_layers": "low"},
    "cached": {"cache_implementation": "static", "use_cache": False},
    "handed over": {"return_dict_in_generate": True, "output_scores": True, "output_logits": True},
}
#: What can stand beside one another, so that every family meets most of it at once.
HOSTILE = {
    key: value
    for name in ("penalties", "forced", "forbidden", "biased", "several", "limited", "handed over", "cached")
    for key, value in SETTINGS[name].items()
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory):
    made: dict[str, tuple[Path, dict[str, list[str]]]] = {}

    def folder(family: str) -> tuple[Path, dict[str, list[str]]]:
        """Return a family's folder, and what it says in every decoding."""
        if family not in made:
            path = tmp_path_factory.mktemp(family)
            captioners.write(family, path)
            made[family] = path, said(CaptionerModule.load(path))
        return made[family]

    return folder


def said(module: CaptionerModule) -> dict[str, list[str]]:
    return {name: module.generate(IMAGES, decoding, SEEDS).outputs for name, decoding in DECODINGS.items()}


def changed(folder: Path, copy: Path, file: str, settings: dict[str, Any], *parts: str) -> Path:
    """Return a copy of a folder with more in one of its files, in some of its parts too."""
    copy.mkdir()
    for source in folder.iterdir():
        (copy / source.name).symlink_to(source)
    content = json.loads((folder / file).read_text())
    for part in (content, *(content[name] for name in parts if name in content)):
        part.update(settings)
    (copy / file).unlink()
    (copy / file).write_text(json.dumps(content))
    return copy


@pytest.mark.parametrize("family", captioners.FAMILIES)
def test_no_family_listens_to_its_generation_settings(folders, family, tmp_path):
    folder, wanted = folders(family)
    module = CaptionerModule.load(changed(folder, tmp_path / "changed", "generation_config.json", HOSTILE))
    assert said(module) == wanted
    module.save(tmp_path / "saved")  # transformers refuses to save some of these settings
    assert not set(HOSTILE) & set(json.loads((tmp_path / "saved" / "generation_config.json").read_text()))


@pytest.mark.parametrize("settings", ["several of one", "beams", "another search", "groups", "looked up", "layers"])
def test_no_setting_changes_a_caption(folders, settings, tmp_path):
    folder, wanted = folders("git")
    copy = changed(folder, tmp_path / "changed", "generation_config.json", SETTINGS[settings])
    assert said(CaptionerModule.load(copy)) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("family", captioners.FAMILIES)
@pytest.mark.parametrize("settings", SETTINGS)
def test_no_setting_changes_a_caption_of_any_family(folders, family, settings, tmp_path):
    folder, wanted = folders(family)
    copy = changed(folder, tmp_path / "changed", "generation_config.json", SETTINGS[settings])
    assert said(CaptionerModule.load(copy)) == wanted


@pytest.mark.parametrize(
    "family", ["vit_gpt2", "llava", *(pytest.param(f, marks=pytest.mark.slow) for f in ("git", "blip"))]
)
def test_nor_does_a_configuration_with_generation_settings_of_old(folders, family, tmp_path):
    """Older checkpoints keep them in `config.json`, of the whole or of a part."""
    folder, wanted = folders(family)
    old = SETTINGS["penalties"] | SETTINGS["forbidden"] | {"max_length": 2, "min_length": 6, "num_beams": 4}
    copy = changed(folder, tmp_path / "changed", "config.json", old, "text_config", "decoder")
    assert said(CaptionerModule.load(copy)) == wanted
    (copy / "generation_config.json").unlink()
    assert said(CaptionerModule.load(copy)) == wanted


def test_nor_do_settings_of_a_model_in_hand(folders):
    folder, wanted = folders("git")
    module = CaptionerModule.load(folder)
    module.model.generation_config.update(**SETTINGS["penalties"], **SETTINGS["forbidden"])
    assert said(module) == wanted


def test_the_tokens_of_a_model_are_facts_and_stay(folders, tmp_path):
    folder, wanted = folders("git")
    first = CaptionerModule.load(folder)
    word = first.family.words(wanted["greedy"][0])[1]
    copy = changed(folder, tmp_path / "changed", "generation_config.json", {"eos_token_id": [3, word]})
    module = CaptionerModule.load(copy)
    assert module.family.ends == [3, word]
    assert said(module)["greedy"][0] == wanted["greedy"][0].split()[0]


def test_a_token_without_a_number_is_refused(folders, tmp_path):
    folder, _ = folders("git")
    copy = changed(folder, tmp_path / "changed", "generation_config.json", {"eos_token_id": "[SEP]"})
    with pytest.raises(
        ValueError, match=r"generation_config\.json: eos_token_id: found '\[SEP\]'; allowed: the number"
    ):
        CaptionerModule.load(copy)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", r"generation_config\.json: found no JSON \("),
        ("[]", r"generation_config\.json: found list; allowed: a mapping"),
        ('{"pad_token_id": 1.5}', r"pad_token_id: found 1\.5; allowed: the number"),
        ('{"eos_token_id": [3, null]}', r"eos_token_id: found \[3, None\]; allowed: the number"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(tmp_path, text, found):
    (tmp_path / "generation_config.json").write_text(text)
    with pytest.raises(ValueError, match=found):
        tokens_of(tmp_path)
