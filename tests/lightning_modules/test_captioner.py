"""Captioners: labels, losses, decoding, seeds, saving."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.settings import CaptionDecoding, FitSettings
from tests.lightning_modules.conftest import CAPTIONERS, make_captioner, token_likelihoods

SAMPLED = CaptionDecoding(temperature=1.0, top_p=0.95, max_new_tokens=8)
DECODINGS = {
    "greedy": CaptionDecoding(max_new_tokens=8),
    "beams": CaptionDecoding(beams=3, max_new_tokens=8),
    "sampled": SAMPLED,
    "best": CaptionDecoding(temperature=1.0, best_of=3, max_new_tokens=8),
}
SEEDS = np.arange(12, dtype=np.uint64) + np.uint64(2**63)


@pytest.fixture(params=CAPTIONERS)
def captioner(request, scenes) -> CaptionerModule:
    return make_captioner(request.param, scenes)


def test_a_saved_captioner_writes_the_same(captioner, pairs, tmp_path):
    captioner.save(tmp_path)
    again = CaptionerModule.load(tmp_path)
    for decoding in DECODINGS.values():
        assert (
            again.generate(pairs.images, decoding, SEEDS).outputs
            == captioner.generate(pairs.images, decoding, SEEDS).outputs
        )
    assert not list(tmp_path.rglob("*.bin"))


@pytest.mark.parametrize("decoding", DECODINGS.values(), ids=DECODINGS)
def test_batches_and_shards_do_not_matter(captioner, pairs, decoding):
    whole = captioner.generate(pairs.images, decoding, SEEDS)
    captioner.batch_size = 5
    assert captioner.generate(pairs.images, decoding, SEEDS).outputs == whole.outputs
    shards = [captioner.generate(pairs.images[p], decoding, SEEDS[p]).outputs for p in (slice(0, 7), slice(7, 12))]
    assert shards[0] + shards[1] == whole.outputs
    assert whole.network_evaluations == 12 * decoding.evaluations


def test_each_caption_follows_its_own_seed(captioner, pairs):
    images = np.repeat(pairs.images[:1], 12, axis=0)
    texts = captioner.generate(images, SAMPLED, SEEDS).outputs
    assert len(set(texts)) > 3
    assert captioner.generate(images, SAMPLED, np.repeat(SEEDS[:1], 12)).outputs == [texts[0]] * 12


def test_loss_is_over_words_and_end_only(captioner, pairs):
    """The loss of a batch equals that of each caption alone, computed from hand-masked labels."""
    captions = (pairs.captions[0], "", "a red circle")
    images = pairs.images[:3]
    with torch.no_grad():
        losses, context = captioner.losses(
            {"images": torch.from_numpy(images), "labels": captioner.labels(captions), "weights": torch.ones(3)}
        )
        for i, caption in enumerate(captions):
            words = captioner.tokenizer(caption, add_special_tokens=False)["input_ids"]
            ids = torch.tensor([[captioner.family.start, *words]])
            features = captioner.family.features(captioner._pixels(images[i : i + 1]))
            logits = captioner.family.logits(features, ids, torch.ones_like(ids))[0]
            expected = F.cross_entropy(logits, torch.tensor([*words, captioner.family.end]))
            assert losses[i].item() == pytest.approx(expected.item(), abs=1e-5)
            assert int(context["token_mask"][i].sum()) == len(words) + 1


def test_the_likelihood_of_captions_is_the_mean_over_words_and_end(captioner, pairs):
    expected = [words.mean() for words in token_likelihoods(captioner, pairs.images, pairs.captions)]
    found = captioner.log_likelihood(pairs.images, pairs.captions)
    assert found.dtype == np.float64
    assert found == pytest.approx(expected, abs=1e-5)
    captioner.batch_size, calls = 5, []
    parts = captioner.log_likelihood(pairs.images, pairs.captions, progress=lambda *done: calls.append(done))
    assert parts == pytest.approx(found, abs=1e-5)
    assert calls == [(5, 12), (10, 12), (12, 12)]
    assert captioner.log_likelihood(pairs.images[:0], ()).shape == (0,)


def test_the_best_of_several_draws_is_the_likeliest(scenes, pairs):
    captioner = make_captioner("vit_gpt2", scenes)
    draws = [DECODINGS["best"], CaptionDecoding(temperature=1.0, max_new_tokens=8)]
    best, first = (captioner.generate(pairs.images, decoding, SEEDS).outputs for decoding in draws)
    found = [captioner.log_likelihood(pairs.images, texts) for texts in (best, first)]
    assert best != first
    assert np.mean(found[0] >= found[1] - 1e-5) == 1


def test_blip2_loss_equals_the_library_s(scenes, pairs):
    """transformers computes the same loss from its own labels, where queries, start and padding are -100."""
    captioner = make_captioner("blip2", scenes)
    labels = captioner.labels(pairs.captions[:2])
    one = {"images": torch.from_numpy(pairs.images[:1]), "labels": labels[:1], "weights": torch.ones(1)}
    words = labels[:1][labels[:1] != -100][None]
    model, queries = captioner.model, captioner.model.config.num_query_tokens
    token = len(captioner.tokenizer) - 1
    model.config.image_token_id = token
    ids = torch.cat([torch.full((1, queries), token), torch.full((1, 1), captioner.family.start), words], 1)
    hidden = torch.cat([torch.full((1, queries + 1), -100), words], 1)
    if (words == token).any():
        pytest.skip("the last word of the vocabulary stands for an image here")
    with torch.no_grad():
        theirs = model(pixel_values=captioner._pixels(pairs.images[:1]), input_ids=ids, labels=hidden).loss
        ours = captioner.losses(one)[0]
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-4)


def test_equal_seeds_fit_equal_weights(captioner, pairs, tmp_path):
    captioner.save(tmp_path)
    settings = FitSettings(4, 1e-3, 5)
    states = []
    for seed in (0, 0, 1):
        module = CaptionerModule.load(tmp_path)
        report = module.fit_pairs(pairs, settings, seed)
        assert report.steps == len(report.losses) == 4
        states.append(torch.cat([p.detach().flatten() for p in module.parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_fitting_teaches_captions_and_their_end(scenes, pairs):
    captioner = make_captioner("vit_gpt2", scenes)
    few = pairs.take(np.arange(3))
    report = captioner.fit_pairs(few, FitSettings(80, 1e-2, 3), seed=0)
    assert report.losses[-1] < 0.1 < report.losses[0]
    assert captioner.generate(few.images, CaptionDecoding(), SEEDS[:3]).outputs == list(few.captions)
    likelihoods = token_likelihoods(captioner, few.images, few.captions)
    assert [len(x) for x in likelihoods] == [len(c.split()) + 1 for c in few.captions]


def test_a_caption_that_is_cut_does_not_teach_to_end_there(captioner):
    text, end = "a red ring left of a blue square", captioner.family.end
    whole = captioner.labels([text])[0].tolist()
    assert whole[-1] == end
    captioner.max_length = len(whole) - 1
    assert captioner.labels([text])[0].tolist() == whole
    captioner.max_length = 2
    assert captioner.labels([text, ""]).tolist() == [whole[:2], [end, -100]]


def test_blip2_keeps_its_image_encoder(scenes, pairs, tmp_path):
    make_captioner("blip2", scenes).save(tmp_path)
    captioner = CaptionerModule.load(tmp_path)
    before = {k: v.clone() for k, v in captioner.model.state_dict().items()}
    captioner.fit_pairs(pairs, FitSettings(2, 1e-2, 4), seed=0)
    changed = {k for k, v in captioner.model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed
    assert not any(k.startswith("vision_model.") for k in changed)


def test_an_objective_sees_tokens(scenes, pairs):
    captioner, seen = make_captioner("git", scenes), []

    def objective(losses, context):
        seen.append({k: tuple(v.shape) for k, v in context.items() if isinstance(v, torch.Tensor)})
        return (context["token_losses"] * context["token_mask"]).sum()

    captioner.fit_pairs(pairs, FitSettings(1, 1e-3, 4), 0, objective=objective)
    length = seen[0]["token_losses"][1]
    assert seen[0]["labels"] == seen[0]["token_mask"] == (4, length)
    assert seen[0]["logits"][:2] == (4, length)


def test_one_seed_per_image(scenes, pairs):
    with pytest.raises(ValueError, match="one seed per image"):
        make_captioner("git", scenes).generate(pairs.images, SAMPLED, SEEDS[:3])


def test_nothing_to_caption(scenes, pairs):
    assert make_captioner("git", scenes).generate(pairs.images[:0], SAMPLED, SEEDS[:0]).outputs == []
