from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer
from transformers.models.clip import CLIPConfig

from benchmarks.metrics.captions.clipscore import ClipScore, clip_scores, ref_clip_scores
from benchmarks.metrics.floors import caption_floor_view
from benchmarks.metrics.view import View
from lightning_modules.inputs.tokens import tokenize, word_tokenizer
from lightning_modules.judges.clip import ClipJudge


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def test_scores_by_hand():
    captions, images = np.array([[3.0, 4], [1, 0], [-1, 0]]), np.array([[2.0, 0], [0, 5], [7, 0]])
    assert clip_scores(captions, images) == pytest.approx([2.5 * 0.6, 0, 0])
    gap = [np.nan, np.nan]
    references = np.array([[[0.0, 1], [6, 8]], [[1, 1], gap], [[1, 0], [1, 0]]])
    # Closest references: cosine 1, cosine sqrt(1/2), cosine -1 cut to 0; harmonic means with 1.5, 0 and 0.
    assert ref_clip_scores(captions, images, references) == pytest.approx([2 * 1.5 / 2.5, 0, 0])
    assert ref_clip_scores(captions[:1], captions[:1], captions[:1, None]) == pytest.approx([10 / 7])


def test_the_family_is_the_mean_of_the_hand_computation(real, evaluate):
    values = evaluate(ClipScore(), real)
    each, both = [], []
    for caption, image, references in zip(real.features, real.paired_features, real.reference_features, strict=True):
        score, closest = 2.5 * max(cosine(caption, image), 0), max(max(cosine(caption, r) for r in references), 0)
        each.append(score)
        both.append(2 * score * closest / (score + closest) if score + closest else 0)
    assert values == pytest.approx({"clipscore": np.mean(each), "ref_clipscore": np.mean(both)}, rel=1e-9)


def test_without_references_and_with_broken_ones(real, evaluate):
    family = ClipScore()
    assert set(evaluate(family, real.with_(reference_features=None))) == {"clipscore"}
    assert family.absent == {"ref_clipscore": "there are no references"}
    with pytest.raises(ValueError, match="do not hold a reference of each"):
        ref_clip_scores(real.features, real.features, np.full((256, 2, 16), np.nan))
    with pytest.raises(ValueError, match="do not pair up"):
        clip_scores(real.features, real.features[:3])


def test_a_floor_compares_a_human_caption_with_the_others():
    features = np.arange(1, 37, dtype=np.float32).reshape(3, 4, 3)
    features[1, 2:] = np.nan
    texts = [("a", "b", "c", "d"), ("e", "f"), ("g", "h", "i", "j")]
    view = caption_floor_view(View(), texts, 0, features)
    for item, said in enumerate(texts):
        chosen = said.index(view.captions[item])
        expected = features[item].copy()
        expected[chosen] = np.nan
        np.testing.assert_array_equal(view.reference_features[item], expected)
        np.testing.assert_array_equal(view.features[item], features[item, chosen])


def byte_pairs(folder):
    """A tokenizer of CLIP's own class over single letters: every word is many tokens."""
    letters = sorted({*pre_tokenizers.ByteLevel.alphabet()})
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=12)


def judge_with(tokenizer):
    """A random CLIP around a tokenizer, and what it knows of its end token."""
    torch.manual_seed(0)
    tower = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**tower, "vocab_size": len(tokenizer), "max_position_embeddings": 12, "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": tokenizer.bos_token_id, "pad_token_id": tokenizer.pad_token_id}  # fmt: skip
    model = CLIPModel(CLIPConfig(text_config=text, vision_config={**tower, "image_size": 16, "patch_size": 8}))
    return ClipJudge(model.eval(), tokenizer, CLIPImageProcessor(size=16, crop_size=16))


@pytest.fixture(params=["words", "byte pairs"])
def tokenizer(request, tmp_path):
    if request.param == "words":
        return word_tokenizer([f"w{i}" for i in range(30)], 12)
    return byte_pairs(tmp_path)


def test_long_captions_keep_their_end_token(tokenizer):
    """Text towers read a caption off its end token: one that is cut off makes it a vector of nothing."""
    long = " ".join(f"w{i}" for i in range(30))
    ids, mask = tokenize(tokenizer, [long, "w1"], fixed=True)
    assert ids.shape == (2, 12)
    assert ids[0, -1] == tokenizer.eos_token_id
    assert mask[0].all()
    assert (ids[:, 0] == tokenizer.bos_token_id).all()


def test_the_embedding_of_a_long_caption_is_that_of_its_first_words(tokenizer):
    judge = judge_with(tokenizer)
    long = " ".join(f"w{i}" for i in range(30))
    kept = tokenizer.decode(tokenize(tokenizer, [long], fixed=True)[0][0], skip_special_tokens=True)
    found = judge.embed_texts([long, f"{long} w3", kept, "w1"])
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    np.testing.assert_allclose(found[2], found[0], atol=1e-6)
    assert np.abs(found[3] - found[0]).max() > 1e-2
    # It is the state at the end token: other words before it, another vector.
    other = judge.embed_texts([" ".join(f"w{i}" for i in range(29, -1, -1))])
    assert np.abs(other[0] - found[0]).max() > 1e-2
