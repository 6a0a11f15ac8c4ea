"""Judges of one kind of input: features as the libraries have them, published layouts, batches, bad folders."""

from __future__ import annotations

import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, BertConfig, BertModel, Dinov2Config, Dinov2Model

from benchmarks.planning.needs import _require_weights
from benchmarks.study.testbed import ModelSpec
from lightning_modules.inputs.tokens import word_tokenizer
from lightning_modules.judges import inception
from lightning_modules.judges.clip import ClipJudge
from lightning_modules.judges.dinov2 import DinoJudge
from lightning_modules.judges.inception import InceptionJudge
from lightning_modules.judges.sentences import SentenceJudge
from lightning_modules.weights.quiet import quiet
from records.canonical import Spec
from records.errors import UsageError
from records.sources import read_class

CLASSES = {cls.__name__: f"{cls.__module__}.{cls.__name__}" for cls in (DinoJudge, SentenceJudge, InceptionJudge)}
PREPROCESSOR = {
    "image_processor_type": "BitImageProcessor", "do_convert_rgb": True, "do_resize": True,
    "size": {"shortest_edge": 32}, "resample": 3, "do_center_crop": True, "crop_size": {"height": 28, "width": 28},
    "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}  # fmt: skip


@pytest.fixture(scope="module")
def dino(tmp_path_factory):
    """A folder as it is published: weights and a preprocessor configuration."""
    folder = tmp_path_factory.mktemp("dino")
    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14)
    with quiet():
        Dinov2Model(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    return folder


@pytest.fixture(scope="module")
def bert(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    tokenizer = word_tokenizer(scenes.vocabulary(), 32)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=32, initializer_range=0.5,
    )  # fmt: skip
    with quiet():
        BertModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published weights, written down beside the code that is tested."""
    convs = {
        "Conv2d_1a_3x3": (3, 32, 3, 3), "Conv2d_2a_3x3": (32, 32, 3, 3), "Conv2d_2b_3x3": (32, 64, 3, 3),
        "Conv2d_3b_1x1": (64, 80, 1, 1), "Conv2d_4a_3x3": (80, 192, 3, 3),
    }  # fmt: skip
    for block, width, pool in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
        convs |= {f"Mixed_{block}.{k}": v for k, v in {
            "branch1x1": (width, 64, 1, 1), "branch5x5_1": (width, 48, 1, 1), "branch5x5_2": (48, 64, 5, 5),
            "branch3x3dbl_1": (width, 64, 1, 1), "branch3x3dbl_2": (64, 96, 3, 3),
            "branch3x3dbl_3": (96, 96, 3, 3), "branch_pool": (width, pool, 1, 1),
        }.items()}  # fmt: skip
    convs |= {"Mixed_6a.branch3x3": (288, 384, 3, 3), "Mixed_6a.branch3x3dbl_1": (288, 64, 1, 1),
              "Mixed_6a.branch3x3dbl_2": (64, 96, 3, 3), "Mixed_6a.branch3x3dbl_3": (96, 96, 3, 3)}  # fmt: skip
    for block, c in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        convs |= {f"Mixed_{block}.{k}": v for k, v in {
            "branch1x1": (768, 192, 1, 1), "branch7x7_1": (768, c, 1, 1), "branch7x7_2": (c, c, 1, 7),
            "branch7x7_3": (c, 192, 7, 1), "branch7x7dbl_1": (768, c, 1, 1), "branch7x7dbl_2": (c, c, 7, 1),
            "branch7x7dbl_3": (c, c, 1, 7), "branch7x7dbl_4": (c, c, 7, 1), "branch7x7dbl_5": (c, 192, 1, 7),
            "branch_pool": (768, 192, 1, 1),
        }.items()}  # fmt: skip
    convs |= {f"Mixed_7a.{k}": v for k, v in {
        "branch3x3_1": (768, 192, 1, 1), "branch3x3_2": (192, 320, 3, 3), "branch7x7x3_1": (768, 192, 1, 1),
        "branch7x7x3_2": (192, 192, 1, 7), "branch7x7x3_3": (192, 192, 7, 1), "branch7x7x3_4": (192, 192, 3, 3),
    }.items()}  # fmt: skip
    for block, width in (("7b", 1280), ("7c", 2048)):
        convs |= {f"Mixed_{block}.{k}": v for k, v in {
            "branch1x1": (width, 320, 1, 1), "branch3x3_1": (width, 384, 1, 1), "branch3x3_2a": (384, 384, 1, 3),
            "branch3x3_2b": (384, 384, 3, 1), "branch3x3dbl_1": (width, 448, 1, 1),
            "branch3x3dbl_2": (448, 384, 3, 3), "branch3x3dbl_3a": (384, 384, 1, 3),
            "branch3x3dbl_3b": (384, 384, 3, 1), "branch_pool": (width, 192, 1, 1),
        }.items()}  # fmt: skip
    found: dict[str, tuple[int, ...]] = {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
    for name, (width, out, *kernel) in convs.items():
        found[f"{name}.conv.weight"] = (out, width, *kernel)
        found |= {f"{name}.bn.{part}": (out,) for part in ("weight", "bias", "running_mean", "running_var")}
    return found


@pytest.fixture(scope="module")
def fid(tmp_path_factory):
    """A folder with random weights under the published names."""
    folder = tmp_path_factory.mktemp("fid")
    rng = torch.Generator().manual_seed(0)
    state = OrderedDict()
    for name, shape in shapes().items():
        if name.endswith(("bn.weight", "running_var")):
            state[name] = torch.ones(shape)
        else:
            scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.1
            state[name] = torch.randn(shape, generator=rng) * float(scale)
    torch.save(state, folder / InceptionJudge.reads[0])
    return folder


@pytest.fixture(scope="module")
def fid_judge(fid):
    return InceptionJudge.load(fid)


def test_planning_reads_what_each_judge_is():
    for class_path, kinds in zip(CLASSES.values(), (("images",), ("captions",), ("images",)), strict=True):
        literals = read_class(class_path).literals
        assert literals["embeds"] == kinds
        assert literals["version"] == 1
        assert len(literals["reads"]) == 3
    assert read_class("lightning_modules.judges.clip.ClipJudge").literals["embeds"] == ClipJudge.embeds


def test_dino_features_are_the_librarys_own(dino, pairs, tmp_path):
    judge = DinoJudge.load(dino)
    found = judge.embed_images(pairs.images)
    with torch.no_grad(), quiet():
        pixels = AutoImageProcessor.from_pretrained(dino)(images=list(pairs.images), return_tensors="pt")
        last = Dinov2Model.from_pretrained(dino).eval()(**pixels).last_hidden_state
    assert pixels["pixel_values"].shape == (12, 3, 28, 28)
    np.testing.assert_allclose(found, last[:, 0].numpy(), atol=1e-6)
    assert found.dtype == np.float32
    assert np.abs(found - found[:1]).max() > 1e-3, "features must tell images apart"
    judge.batch_size = 5
    np.testing.assert_allclose(judge.embed_images(pairs.images), found, atol=1e-5)
    assert judge.embed_images(pairs.images[:0]).shape == (0, 24)
    judge.save(tmp_path)
    np.testing.assert_array_equal(DinoJudge.load(tmp_path).embed_images(pairs.images), found)
    assert not any(p.requires_grad for p in judge.parameters())
    half = DinoJudge.load(dino, "bfloat16")
    assert next(half.parameters()).dtype == torch.bfloat16
    assert half.embed_images(pairs.images).dtype == np.float32
    np.testing.assert_allclose(half.embed_images(pairs.images), found, atol=0.2)


TEXTS = ["a red circle", "", "one large blue square left of a small green triangle"]


def by_hand(folder, pool):
    """Each caption alone, so nothing is padded."""
    judge = SentenceJudge.load(folder)
    with torch.no_grad(), quiet():
        model = BertModel.from_pretrained(folder).eval()
        alone = [model(**judge.tokenizer(text, return_tensors="pt")).last_hidden_state[0] for text in TEXTS]
    return np.stack([pool(tokens).numpy() for tokens in alone])


def test_sentences_are_means_over_tokens_that_are_no_padding(bert, tmp_path):
    judge = SentenceJudge.load(bert)
    found = judge.embed_texts(TEXTS)
    np.testing.assert_allclose(found, by_hand(bert, lambda tokens: tokens.mean(0)), atol=1e-5)
    lengths = np.linalg.norm(found, axis=1)
    assert found.dtype == np.float32
    assert np.ptp(lengths) > 1e-3, "not normalised"
    judge.batch_size = 1
    np.testing.assert_allclose(judge.embed_texts(TEXTS), found, atol=1e-5)
    assert judge.embed_texts([]).shape == (0, 24)
    judge.longest = 4
    judge.save(tmp_path)
    again = SentenceJudge.load(tmp_path)
    assert (again.pooling, again.longest) == ("mean", 4)
    np.testing.assert_array_equal(again.embed_texts(["a red circle"]), again.embed_texts(["a red square circle"]))


@pytest.mark.parametrize(
    "said",
    [
        {"word_embedding_dimension": 24, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
        {"embedding_dimension": 24, "pooling_mode": "cls"},
    ],
)
def test_a_folder_says_how_it_pools(said, bert, tmp_path):
    SentenceJudge.load(bert).save(tmp_path)
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(said))
    steps = [{"type": f"sentence_transformers.models.{name}"} for name in ("Transformer", "Pooling", "Normalize")]
    (tmp_path / "modules.json").write_text(json.dumps(steps))
    judge = SentenceJudge.load(tmp_path)
    assert judge.pooling == "cls"
    np.testing.assert_allclose(judge.embed_texts(TEXTS), by_hand(bert, lambda tokens: tokens[0]), atol=1e-5)


def test_poolings_and_modules_that_are_not_supported_are_refused(bert, tmp_path):
    SentenceJudge.load(bert).save(tmp_path)
    pooling = tmp_path / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}))
    with pytest.raises(ValueError, match=r"config\.json: pooling_mode: found max, mean; allowed: one of mean, cls"):
        SentenceJudge.load(tmp_path)
    pooling.write_text(json.dumps({"pooling_mode_mean_sqrt_len_tokens": True}))
    with pytest.raises(ValueError, match="found mean_sqrt_len; allowed"):
        SentenceJudge.load(tmp_path)
    (tmp_path / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense"}]))
    with pytest.raises(ValueError, match=r"modules\.json: type: found 'Dense'; allowed: Transformer, Pooling"):
        SentenceJudge.load(tmp_path)


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """TensorFlow 1's bilinear resize of one channel (H, W), pixel by pixel in float64."""
    height, width = image.shape
    out = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            y, x = i * height / size, j * width / size
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
            a, b = y - y0, x - x0
            out[i, j] = (image[y0, x0] * (1 - a) * (1 - b) + image[y0, x1] * (1 - a) * b
                         + image[y1, x0] * a * (1 - b) + image[y1, x1] * a * b)  # fmt: skip
    return out


@pytest.mark.parametrize(("height", "width", "size"), [(5, 7, 13), (16, 16, 16), (40, 23, 11), (1, 2, 6)])
def test_images_are_resized_as_tensorflow_1_does(height, width, size):
    images = np.random.default_rng(0).integers(0, 256, (2, 3, height, width)).astype(np.float32)
    found = inception.resize(torch.from_numpy(images), size)
    assert found.shape == (2, 3, size, size)
    expected = [[resized(channel, size) for channel in image] for image in images]
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-3)


def test_a_resized_edge_by_hand():
    found = inception.resize(torch.tensor([[[[0.0, 10.0]]]]), 4)
    assert found[0, 0, 0].tolist() == [0.0, 5.0, 10.0, 10.0]


def test_pools_by_hand():
    """Means leave padding out; of the two last blocks the second one takes the maximum."""
    x = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]])
    means = torch.tensor([[3.0, 3.5, 4.0], [4.5, 5.0, 5.5], [6.0, 6.5, 7.0]])
    largest = torch.tensor([[5.0, 6.0, 6.0], [8.0, 9.0, 9.0], [8.0, 9.0, 9.0]])
    blocks = [
        (inception.BlockA(1, 32), means),
        (inception.BlockC(1, 8), means),
        (inception.BlockE(1, last=False), means),
        (inception.BlockE(1, last=True), largest),
    ]
    for block, expected in blocks:
        block.eval()
        with torch.no_grad():
            block.branch_pool.conv.weight.fill_(1.0)
            found = block(x)[0, -1]
        torch.testing.assert_close(found, expected / (1 + 0.001) ** 0.5)
    with torch.device("meta"):
        whole = inception.Inception()
    assert (whole.Mixed_7b.pool, whole.Mixed_7c.pool) == (inception.mean_pool, inception.max_pool)


def test_published_weights_load_strictly(fid, fid_judge, tmp_path):
    assert len(shapes()) == 2 + 5 * 94
    # 23,834,568 parameters with 1,000 classes, and eight classes more.
    assert sum(p.numel() for p in fid_judge.model.parameters()) == 23_834_568 + 8 * 2049
    state = torch.load(fid / InceptionJudge.reads[0], weights_only=True)
    for name, value in fid_judge.model.state_dict().items():
        assert name.endswith("num_batches_tracked") or torch.equal(value, state[name]), name
    lacking = {k: v for k, v in state.items() if k != "Mixed_7c.branch_pool.conv.weight"}
    torch.save({**lacking, "AuxLogits.fc.weight": torch.ones(1)}, tmp_path / InceptionJudge.reads[0])
    with pytest.raises(RuntimeError, match=r"Missing key.*Mixed_7c\.branch_pool\.conv\.weight") as caught:
        InceptionJudge.load(tmp_path)
    assert "AuxLogits" in str(caught.value)


def test_inception_features(fid_judge, pairs, tmp_path):
    images = pairs.images[:3]
    found = fid_judge.embed_images(images)
    assert found.shape == (3, 2048)
    assert found.dtype == np.float32
    assert (found >= 0).all(), "means of what a ReLU lets through"
    assert np.abs(found[0] - found[1]).max() > 1e-3 * found.max()
    fid_judge.batch_size = 2
    np.testing.assert_allclose(fid_judge.embed_images(images), found, rtol=1e-3, atol=1e-4 * found.max())
    fid_judge.batch_size = 64
    assert fid_judge.embed_images(images[:0]).shape == (0, 2048)
    fid_judge.save(tmp_path)
    again = InceptionJudge.load(tmp_path)
    again.save(tmp_path)  # over the file that it was read from
    np.testing.assert_array_equal(again.embed_images(images), found)
    np.testing.assert_array_equal(InceptionJudge.load(tmp_path).embed_images(images), found)


def test_folders_are_checked_before_a_run(dino, bert, fid, tmp_path):
    right = dict(zip(CLASSES, (dino, bert, fid), strict=True))
    for kind, folder in right.items():
        _require_weights(Spec({}, (ModelSpec("mine", CLASSES[kind], folder=str(folder)), None)), "here")
    for kind, folder, words in (
        ("DinoJudge", bert, "holds 'bert' (config.json); DinoJudge loads one of: dinov2"),
        ("SentenceJudge", dino, "holds 'dinov2' (config.json); SentenceJudge loads one of: albert, bert"),
        (
            "InceptionJudge",
            dino,
            f"InceptionJudge reads a folder with {InceptionJudge.reads[0]} or {InceptionJudge.reads[2][0]}",
        ),
    ):
        with pytest.raises(UsageError) as caught:
            _require_weights(Spec({}, (ModelSpec("mine", CLASSES[kind], folder=str(folder)), None)), "here")
        assert words in str(caught.value)
    assert InceptionJudge.reads[0] == "pt_inception-2015-12-05-6726825d.pth"
    assert InceptionJudge.reads[2] == ("inception.safetensors",)
