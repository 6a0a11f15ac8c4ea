"""Models that lack weights or words are refused when they are loaded; the layouts that people download load equal."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from datamodules.scenes.dataset import Scenes
from lightning_modules.architectures import clip, conv_dual
from lightning_modules.architectures.parts import Given
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.inputs.tokens import word_tokenizer
from lightning_modules.judges.clip import ClipJudge
from lightning_modules.judges.dinov2 import DinoJudge
from lightning_modules.judges.scorer import DualScorer
from lightning_modules.judges.sentences import SentenceJudge
from lightning_modules.tiny import captioners, generators
from lightning_modules.tiny.tokenizers import CAPTIONS, SCENE_TEXTS
from lightning_modules.weights.quiet import quiet
from lightning_modules.weights.sources import MissingModel

CLASSES: dict[str, Any] = {
    "blip": CaptionerModule, "git": CaptionerModule, "vit_gpt2": CaptionerModule, "sd15": GeneratorModule,
    "sd3": GeneratorModule, "clip": ClipJudge, "dual": DualScorer, "dino": DinoJudge, "sentences": SentenceJudge,
}  # fmt: skip
MODEL, UNET = "model.safetensors", "unet/diffusion_pytorch_model.safetensors"
VAE, TEXT = "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    given, words = Given(Scenes().vocabulary(), 32, Path()), word_tokenizer(Scenes().vocabulary(), 32)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    for name in ("blip", "git", "vit_gpt2"):
        captioners.write(name, home / name)
    with quiet():
        for name in ("sd15", "sd3"):
            generators.make(name).save_pretrained(home / name)
        clip.build(given, width=16, layers=1, patch=8).save(home / "clip")
        conv_dual.build(given, channels=(8, 16), depths=(1, 1), text_width=16, text_layers=1).save(home / "dual")
        hf.Dinov2Model(hf.Dinov2Config(**sizes, image_size=28, patch_size=14)).save_pretrained(home / "dino")
        hf.BitImageProcessorPil().save_pretrained(home / "dino")
        bert = hf.BertConfig(**sizes, vocab_size=len(words), intermediate_size=16)
        hf.BertModel(bert).save_pretrained(home / "sentences")
        words.save_pretrained(home / "sentences")
    return home


# --- weights


def altered(file: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Change the tensors of a file."""

    def edit(folder: Path) -> None:
        state = load_file(folder / file)
        change(state)
        save_file({k: v.contiguous() for k, v in state.items()}, folder / file, metadata={"format": "pt"})

    return edit


def lost(file: str, name: str) -> Callable[[Path], None]:
    return altered(file, lambda state: state.pop(name))


def renamed(file: str, name: str) -> Callable[[Path], None]:
    return altered(file, lambda state: state.update({name + "_old": state.pop(name)}))


def narrower(file: str, name: str) -> Callable[[Path], None]:
    return altered(file, lambda state: state.update({name: state[name][:, :-1]}))


def more(file: str, name: str) -> Callable[[Path], None]:
    return altered(file, lambda state: state.update({name: torch.zeros(2)}))


QUERY = "text_decoder.bert.encoder.layer.0.attention.self.query.weight"
INCOMPLETE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a captioner without a layer": ("blip", lost(MODEL, QUERY), f"lack '{QUERY}'"),
    "a layer under another name": ("blip", renamed(MODEL, QUERY), f"lack '{QUERY}'"),
    "a layer of another width": ("blip", narrower(MODEL, QUERY), f"hold '{QUERY}' in another shape"),
    "a layer too many": ("blip", more(MODEL, QUERY.replace("0", "9")), "which BlipForConditionalGeneration does not"),
    "no word embedding": ("git", lost(MODEL, "git.embeddings.word_embeddings.weight"), "word_embeddings.weight'"),
    "no output layer": ("git", lost(MODEL, "output.weight"), "lack 'output.weight'"),
    "no cross-attention": (
        "vit_gpt2", lost(MODEL, "decoder.transformer.h.0.crossattention.q_attn.weight"), "crossattention.q_attn.weight'"),
    "a denoiser without its entrance": ("sd15", lost(UNET, "conv_in.weight"), "lack 'conv_in.weight'"),
    "a denoiser's layer under another name": ("sd15", renamed(UNET, "conv_in.weight"), "lack 'conv_in.weight'"),
    "a denoiser's layer of another width": (
        "sd15", narrower(UNET, "time_embedding.linear_1.weight"), "time_embedding.linear_1.weight"),
    "an adapter in a denoiser's file": ("sd15", more(UNET, "conv_in.lora_A.weight"), "hold 'conv_in.lora_A.weight'"),
    "an autoencoder's bias": ("sd15", lost(VAE, "post_quant_conv.bias"), "lack 'post_quant_conv.bias'"),
    "a text encoder's norm": ("sd15", lost(TEXT, "final_layer_norm.bias"), "lack 'final_layer_norm.bias'"),
    "a third text encoder": (
        "sd3", lost("text_encoder_3/model.safetensors", "encoder.final_layer_norm.weight"), "final_layer_norm.weight'"),
    "a judge's projection": ("clip", lost(MODEL, "text_projection.weight"), "lack 'text_projection.weight'"),
    "a scorer's projection": ("dual", lost(MODEL, "visual_projection.weight"), "lack 'visual_projection.weight'"),
    "a judge of images": ("dino", lost(MODEL, "layernorm.weight"), "lack 'layernorm.weight'"),
    "a judge of captions": (
        "sentences", lost(MODEL, "encoder.layer.0.output.dense.weight"), "encoder.layer.0.output.dense.weight'"),
}  # fmt: skip


@pytest.mark.parametrize("case", INCOMPLETE)
def test_weights_that_are_not_all_there(case: str, home: Path, tmp_path: Path) -> None:
    name, edit, words = INCOMPLETE[case]
    shutil.copytree(home / name, tmp_path / "m")
    edit(tmp_path / "m")
    with pytest.raises(MissingModel) as caught:
        CLASSES[name].load(tmp_path / "m")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


HARMLESS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "positions that were counted in a file": ("blip", more(MODEL, "text_decoder.bert.embeddings.position_ids")),
    "GPT-2's triangle": ("vit_gpt2", more(MODEL, "decoder.transformer.h.0.attn.masked_bias")),
    "a pooler that no caption sees": ("vit_gpt2", lost(MODEL, "encoder.pooler.dense.weight")),
    "a pooler that no sentence sees": ("sentences", lost(MODEL, "pooler.dense.weight")),
    "a head of another task": ("sentences", more(MODEL, "cls.predictions.bias")),
    "a classifier": ("dino", more(MODEL, "classifier.bias")),
    "a mask that hides nothing": ("dino", lost(MODEL, "embeddings.mask_token")),
    "a text encoder's projection": ("sd15", more(TEXT, "text_projection.weight")),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_weights_that_change_nothing_may_be_there_or_not(case: str, home: Path, tmp_path: Path) -> None:
    name, edit = HARMLESS[case]
    shutil.copytree(home / name, tmp_path / "m")
    edit(tmp_path / "m")
    CLASSES[name].load(tmp_path / "m")


# --- words


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def vocabulary(change: Callable[[dict[str, int]], dict[str, int]]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        content = json.loads((folder / "tokenizer.json").read_text())
        content["model"]["vocab"] = change(content["model"]["vocab"])
        (folder / "tokenizer.json").write_text(json.dumps(content))

    return edit


def strange(words: dict[str, int]) -> dict[str, int]:
    return {word if i < 5 else f"~{i}^": i for word, i in words.items()}


WORDLESS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "special tokens alone, BLIP": ("blip", without("tokenizer.json"), "knows no word beside 5 special tokens"),
    "special tokens alone, GIT": ("git", without("tokenizer.json"), "knows no word beside 5 special tokens"),
    "no tokens at all": ("vit_gpt2", without("tokenizer.json"), "AutoTokenizer cannot read it"),
    "special tokens alone, CLIP": ("sd15", without("tokenizer/tokenizer.json"), "knows no word beside 2 special"),
    "special tokens alone, second": ("sd3", without("tokenizer_2/tokenizer.json"), "knows no word beside 2 special"),
    "special tokens alone, T5": ("sd3", without("tokenizer_3/tokenizer.json"), "knows 4 tokens, and the model embeds"),
    "special tokens alone, a judge": (
        "clip",
        vocabulary(lambda w: dict(list(w.items())[:4])),
        "knows no word beside 4",
    ),
    "a vocabulary that is cut": ("blip", vocabulary(lambda w: dict(list(w.items())[:30])), "knows 30 tokens, and the"),
    "a larger one's": ("blip", vocabulary(lambda w: {**w, "zebra": 900}), "counts to 900, and the model embeds 113"),
    "words that no text has": ("git", vocabulary(strange), "reads different words as the same"),
}


@pytest.mark.parametrize("case", WORDLESS)
def test_tokenizers_that_cannot_tell_words_apart(case: str, home: Path, tmp_path: Path) -> None:
    name, edit, words = WORDLESS[case]
    shutil.copytree(home / name, tmp_path / "m")
    edit(tmp_path / "m")
    with pytest.raises(MissingModel) as caught:
        CLASSES[name].load(tmp_path / "m")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# --- layouts


def parted(file: str, end: str = "") -> Callable[[Path], None]:
    """Publish weights in two shards with an index; `end` is a variant's."""

    def edit(folder: Path) -> None:
        whole = folder / file
        state, stem, places = load_file(whole), whole.name.removesuffix(".safetensors"), {}
        whole.unlink()
        for i, names in enumerate((sorted(state)[::2], sorted(state)[1::2])):
            shard = f"{stem}{end}-0000{i + 1}-of-00002.safetensors"
            save_file({n: state[n] for n in names}, whole.with_name(shard), metadata={"format": "pt"})
            places |= dict.fromkeys(names, shard)
        index = whole.with_name(f"{stem}.safetensors.index{end}.json")
        index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))

    return edit


def half(*files: str) -> Callable[[Path], None]:
    """Publish float16 weights alone, under the name of their variant."""

    def edit(folder: Path) -> None:
        for file in files:
            altered(file, lambda state: state.update({k: v.half() for k, v in state.items()}))(folder)
            (folder / file).rename(folder / file.replace(".safetensors", ".fp16.safetensors"))

    return edit


def unsafe(folder: Path) -> None:
    """Name a safety checker that was not downloaded, as everybody's copy of Stable Diffusion 1.5 does."""
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
    index |= {"feature_extractor": ["transformers", "CLIPImageProcessor"]}
    (folder / "model_index.json").write_text(json.dumps(index))


def clutter(folder: Path) -> None:
    """Leave beside the weights what repositories hold and nobody reads, left with git-LFS or cut."""
    for name in ("pytorch_model.bin", "tf_model.h5", "other.safetensors", "README.md"):
        (folder / name).write_text("version https://git-lfs.github.com/spec/v1\n")


def former_attention(folder: Path) -> None:
    """Name an autoencoder's attention as Stable Diffusion 1.5 was published with it."""
    former = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}

    def change(state: dict[str, Any]) -> None:
        for name in [n for n in state if ".attentions." in n]:
            new = name
            for ours, theirs in former.items():
                new = new.replace(ours, theirs)
            state[new] = state.pop(name)

    altered(VAE, change)(folder)


LAYOUTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a captioner in shards": ("blip", parted(MODEL)),
    "a denoiser in shards": ("sd15", parted(UNET)),
    "a text encoder in shards": ("sd15", parted(TEXT)),
    "a float16 captioner": ("blip", half(MODEL)),
    "a float16 pipeline": ("sd15", half(UNET, VAE, TEXT)),
    "no safety checker": ("sd15", unsafe),
    "other formats beside it": ("blip", clutter),
    "an autoencoder's attention of older times": ("sd15", former_attention),
    "a judge in shards": ("sentences", parted(MODEL)),
}


@cache
def whole(cls: Any, folder: Path) -> dict[str, torch.Tensor]:
    return cls.load(folder).state_dict()


#: Layouts of a pipeline, which takes a second each; the others go through the same code.
SLOW = ("a denoiser in shards", "a text encoder in shards")


@pytest.mark.parametrize("case", [pytest.param(c, marks=[pytest.mark.slow] if c in SLOW else []) for c in LAYOUTS])
def test_layouts_load_equal_and_pass_the_check(case: str, home: Path, tmp_path: Path) -> None:
    from lightning_modules.weights.contents import check_contents

    name, edit = LAYOUTS[case]
    shutil.copytree(home / name, tmp_path / "m")
    edit(tmp_path / "m")
    cls = CLASSES[name]
    check_contents(tmp_path / "m", cls.reads, cls.__name__, "", getattr(cls, "embeds", ("images", "captions")))
    found, wanted = cls.load(tmp_path / "m").state_dict(), whole(cls, home / name)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        expected = value.half().float() if "float16" in case else value
        assert torch.equal(found[key], expected), key


def test_a_tokenizer_of_sentencepiece_alone(home: Path, tmp_path: Path) -> None:
    """With the package it reads as sentencepiece itself does; without it, planning says what is needed."""
    from lightning_modules.weights.contents import check_contents

    shutil.copytree(home / "sd3", tmp_path / "m")
    part = tmp_path / "m" / "tokenizer_3"
    (part / "tokenizer.json").unlink()
    (part / "spiece.model").write_bytes(b"pieces")
    if importlib.util.find_spec("sentencepiece") is None:
        with pytest.raises(MissingModel, match=r"'tokenizer_3/spiece.model' needs the package sentencepiece"):
            check_contents(tmp_path / "m", GeneratorModule.reads, "GeneratorModule")
        return
    import sentencepiece

    with pytest.raises(MissingModel, match=r"'tokenizer_3/spiece.model' is no vocabulary of sentencepiece"):
        check_contents(tmp_path / "m", GeneratorModule.reads, "GeneratorModule")
    (tmp_path / "words.txt").write_text("\n".join([*CAPTIONS, *SCENE_TEXTS]))
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "words.txt"), model_prefix=str(part / "spiece"), vocab_size=60, hard_vocab_limit=False,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    check_contents(tmp_path / "m", GeneratorModule.reads, "GeneratorModule")
    tokenizer = GeneratorModule.load(tmp_path / "m").parts["tokenizer_3"]
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(part / "spiece.model"))
    assert tokenizer("red box").input_ids == [*pieces.encode("red box"), 1]
