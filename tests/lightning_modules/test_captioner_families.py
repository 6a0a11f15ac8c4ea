"""Every image-to-text family on a tiny real model: the library's loss, learning by heart, decoding, prompts, saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from transformers import AutoModelForImageTextToText

from benchmarks.steps.context import make_model
from benchmarks.study.testbed import ModelSpec
from datamodules.pairs import Pairs
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.settings import CaptionDecoding, FitSettings
from records.sources import read_class
from tests.lightning_modules.tiny_captioners import CAPTIONS, TINY, images, make

torch.set_num_threads(1)

IMAGES, SEEDS = images(), np.arange(len(CAPTIONS), dtype=np.uint64)
GREEDY = CaptionDecoding(max_new_tokens=30)
DECODINGS = {
    "greedy": GREEDY,
    "beams": CaptionDecoding(beams=3, max_new_tokens=30),
    "sampled": CaptionDecoding(temperature=1.5, top_p=0.95, max_new_tokens=12),
    "best": CaptionDecoding(temperature=1.5, best_of=2, max_new_tokens=12),
}
CHATS = [name for name, tiny in TINY.items() if tiny.chats]
PROMPT = "a photo of"


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Folders of the untrained models, each made when it is first wanted."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            make(name, made[name])
        return made[name]

    return folder


@pytest.fixture(scope="session")
def learned(folders):
    """Modules that were fitted to eight captions; tests leave them as they find them."""
    fitted: dict[str, CaptionerModule] = {}

    def module(name: str) -> CaptionerModule:
        if name not in fitted:
            fitted[name] = CaptionerModule.load(folders(name))
            fitted[name].fit_pairs(eight(), FitSettings(100, 1e-2, 8), seed=0)
        return fitted[name]

    return module


def eight() -> Pairs:
    n = len(CAPTIONS)
    return Pairs(ids=np.arange(n), images=IMAGES, captions=CAPTIONS, prompts=CAPTIONS, origin=np.zeros(n, np.int16))


def our_losses(module: CaptionerModule, captions=CAPTIONS) -> tuple[torch.Tensor, dict]:
    batch = {"images": torch.from_numpy(IMAGES[: len(captions)]), "labels": module.labels(captions)}
    with torch.no_grad():
        return module.losses(batch)


def their_loss(module: CaptionerModule, name: str, prompt: str) -> float:
    """The library's own loss on captions of unequal lengths, padded on the right by hand."""
    module.folder = module.model.name_or_path
    rows = [TINY[name].inputs(module, caption, prompt) for caption in CAPTIONS]
    inputs = {}
    for key in rows[0]:
        parts = [torch.tensor(row[key]) for row in rows]
        inputs[key] = torch.nn.utils.rnn.pad_sequence(
            parts, batch_first=True, padding_value=-100 if key == "labels" else 0
        )
        if key != "labels":
            mask = [torch.ones_like(part) for part in parts]
            inputs[key.replace("input_ids", "attention_mask")] = torch.nn.utils.rnn.pad_sequence(mask, batch_first=True)
    pixels = module._pixels(IMAGES)
    with torch.no_grad():
        return module.model(
            pixel_values=pixels[:, None] if name in ("idefics2", "idefics3", "smolvlm") else pixels, **inputs
        ).loss.item()


@pytest.mark.parametrize("prompt", [None, PROMPT])
@pytest.mark.parametrize("name", TINY)
def test_the_loss_is_the_library_s_on_hand_masked_labels(folders, name, prompt):
    module = CaptionerModule.load(folders(name), prompt=prompt)
    assert sum(parameter.numel() for parameter in module.parameters()) < 300_000
    losses, context = our_losses(module)
    ours = context["token_losses"].sum() / context["token_mask"].sum()
    assert ours.item() == pytest.approx(their_loss(module, name, prompt or ""), abs=2e-5)
    for i, caption in enumerate(CAPTIONS):
        alone = our_losses(module, (*CAPTIONS[:i], caption))[0][i]
        assert losses[i].item() == pytest.approx(alone.item(), abs=2e-5)


#: What the published processors, their chat templates included, make of one picture and this request.
SAID = {
    "llava": "USER: <image>\nSay it. ASSISTANT:",
    "idefics2": "User:<fake_token_around_image><image><fake_token_around_image> Say it.<end_of_utterance>\nAssistant:",
}


@pytest.mark.parametrize("name", SAID)
def test_a_prompt_is_put_into_the_words_that_the_model_was_tuned_on(folders, name):
    assert CaptionerModule.load(folders(name), prompt="Say it.").family.said == SAID[name]


@pytest.mark.parametrize("prompt", [None, PROMPT])
@pytest.mark.parametrize("name", TINY)
def test_words_are_written_with_the_scores_that_training_sees(folders, name, prompt):
    """Positions, masks and caches of generation are those of teacher forcing, step by step."""
    module, seen = CaptionerModule.load(folders(name), prompt=prompt), []

    def watch(ids, scores):
        seen.append(scores.clone())
        return scores

    with torch.no_grad():
        features = module.family.features(module._pixels(IMAGES[:3]))
        written = module.family.write(
            features, do_sample=False, max_new_tokens=5, eos_token_id=[-1], pad_token_id=0, logits_processor=[watch]
        )
        ids = torch.cat([torch.full((3, 1), module.family.start), written[:, :-1]], 1)
        forced = module.family.logits(features, ids, torch.ones_like(ids))
    assert written.shape == (3, 5)
    torch.testing.assert_close(torch.stack(seen, 1), forced, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TINY)
def test_eight_captions_are_learned_by_heart(learned, name):
    assert learned(name).generate(IMAGES, GREEDY, SEEDS).outputs == list(CAPTIONS)


@pytest.mark.parametrize("decoding", DECODINGS)
@pytest.mark.parametrize("name", TINY)
def test_captions_in_a_batch_are_those_written_one_by_one(learned, name, decoding):
    module, some = learned(name), [1, 2]
    together = module.generate(IMAGES[some], DECODINGS[decoding], SEEDS[some]).outputs
    alone = [module.generate(IMAGES[i : i + 1], DECODINGS[decoding], SEEDS[i : i + 1]).outputs[0] for i in some]
    assert together == alone
    assert len(set(together)) == len(some)


@pytest.mark.parametrize("name", TINY)
def test_the_padding_side_does_not_matter(learned, name):
    module, found = learned(name), []
    kept = module.tokenizer.padding_side
    for side in ("left", "right"):
        module.tokenizer.padding_side = side
        found.append((our_losses(module)[0].tolist(), module.generate(IMAGES, DECODINGS["sampled"], SEEDS).outputs))
    module.tokenizer.padding_side = kept
    assert found[0] == found[1]


@pytest.mark.parametrize("name", TINY)
def test_a_saved_captioner_writes_the_same(learned, name, tmp_path):
    learned(name).save(tmp_path)
    again = CaptionerModule.load(tmp_path)
    for decoding in (GREEDY, DECODINGS["sampled"]):
        assert (
            again.generate(IMAGES, decoding, SEEDS).outputs == learned(name).generate(IMAGES, decoding, SEEDS).outputs
        )


@pytest.mark.parametrize("name", TINY)
def test_frozen_weights_stay_and_all_else_learns(folders, learned, name):
    before = dict(CaptionerModule.load(folders(name)).model.named_parameters())
    family = learned(name).family
    for prefix in family.frozen:
        assert any(key.startswith(prefix) for key in before)
    same = {key for key, value in learned(name).model.named_parameters() if torch.equal(value, before[key])}
    frozen = {key for key in before if key.startswith(family.frozen)} if family.frozen else set()
    assert frozen <= same
    # Vision layers behind the one that is read never see a gradient, nor do embeddings of images of other sizes.
    assert not {key for key in same - frozen if "language" in key or "text" in key or "decoder" in key}


@pytest.mark.parametrize("name", TINY)
def test_adapters_go_to_the_language_side_only(folders, name):
    module = CaptionerModule.load(folders(name))
    targets = module.family.lora_targets
    inject_adapter_in_model(LoraConfig(r=2, target_modules=list(targets)), module.model)
    adapters = {key: value for key, value in module.model.named_parameters() if "lora_" in key}
    assert len(adapters) == 2 * len(targets) > 0
    assert not [key for key in adapters if "vision" in key or "image_encoder" in key or key.startswith("encoder.")]
    assert module.family.lora_targets == targets
    batch = {"images": torch.from_numpy(IMAGES), "labels": module.labels(CAPTIONS)}
    module.losses(batch)[0].mean().backward()
    assert all(value.grad is not None and value.grad.any() for key, value in adapters.items() if "lora_B" in key)


@pytest.mark.parametrize("name", TINY)
def test_half_precision_weights_give_nearly_the_same_loss(folders, name):
    whole = CaptionerModule.load(folders(name))
    exact = our_losses(whole)[0]
    for kind in (torch.bfloat16, torch.float16):
        # Loaded, and not cast: some parts of some models stay in float32.
        model = AutoModelForImageTextToText.from_pretrained(folders(name), dtype=kind)
        half = CaptionerModule(model, whole.tokenizer, whole.image_processor)
        losses = our_losses(half)[0]
        assert losses.dtype == torch.float32
        torch.testing.assert_close(losses, exact, rtol=0.03, atol=0.03)
        assert len(half.generate(IMAGES[:2], GREEDY, SEEDS[:2]).outputs) == 2
    rows = half.encode(IMAGES, CAPTIONS)
    half.losses(rows)[0].mean().backward()


@pytest.mark.parametrize("name", CHATS)
def test_a_prompt_with_the_image_in_it_is_the_whole_text(folders, name):
    own = CaptionerModule.load(folders(name))
    image = own.tokenizer.convert_ids_to_tokens(own.model.config.image_token_id)
    template = own.family.template.format(image=image, prompt=own.family.default_prompt)
    written = CaptionerModule.load(folders(name), prompt=template)
    assert torch.equal(our_losses(written)[0], our_losses(own)[0])
    with pytest.raises(ValueError, match="gives 2 image tokens"):
        our_losses(CaptionerModule.load(folders(name), prompt=f"{image} and {image} Say it:"))


def test_a_caption_stands_behind_text_and_not_behind_pixels(folders):
    with pytest.raises(ValueError, match="prompt: found 'Say it: <image>'"):
        our_losses(CaptionerModule.load(folders("llava"), prompt="Say it: <image>"))


def test_a_prompt_is_kept_with_the_weights_and_comes_from_the_testbed(folders, tmp_path):
    spec = ModelSpec(
        name="llava",
        class_path="lightning_modules.captioning.captioner.CaptionerModule",
        folder=str(folders("llava")),
        init_args={"prompt": "Say it:", "max_length": 5},
    )
    assert {"prompt", "max_length"} <= set(read_class(spec.class_path).parameters or ())
    module = make_model(spec)
    assert not torch.equal(our_losses(module)[0], our_losses(CaptionerModule.load(folders("llava")))[0])
    module.save(tmp_path)
    again = CaptionerModule.load(tmp_path)
    assert (again.prompt, again.max_length) == ("Say it:", 5)
    assert torch.equal(our_losses(again)[0], our_losses(module)[0])
    assert again.labels(CAPTIONS).shape[1] == 5
    assert CaptionerModule.load(tmp_path, prompt="a photo of").prompt == "a photo of"


def test_every_end_of_a_model_ends_a_caption(folders, learned, tmp_path):
    learned("idefics2").save(tmp_path)
    module = CaptionerModule.load(tmp_path)
    word = module.family.words("a man")[1]
    assert word in module.family.words(CAPTIONS[2])
    module.model.generation_config.eos_token_id = [word, *module.family.ends]
    assert module.generate(IMAGES[2:3], GREEDY, SEEDS[:1]).outputs == ["a"]
    assert module.family.end == module.tokenizer.convert_tokens_to_ids("<end_of_utterance>")
