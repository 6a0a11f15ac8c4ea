"""Tiny untrained captioners of every family, in folders as real checkpoints have them.

For trying a study, and the code that loads the real ones, where no weights are at hand.

Configurations, processors and the oddities of special tokens are those of the published models, only smaller:
BLIP-2 with OPT ends captions with a line break, ViT + GPT-2 starts, ends and fills up with one and the same token,
BLIP's end is its separator, and no GPT-2 tokenizer has a token to pad with.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from torch import nn

from lightning_modules.tiny.tokenizers import byte_level, pieces, word_pieces
from lightning_modules.weights.quiet import quiet

SIDE, PATCH, WIDTH = 16, 8, 32
TURN = "<end_of_utterance>"


# --- image processors


def _clip_pixels() -> hf.CLIPImageProcessorPil:
    return hf.CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})


def _square(kind: Any) -> Any:
    return kind(size={"height": SIDE, "width": SIDE})


# --- configurations


def _vision(**more: Any) -> dict[str, Any]:
    return {**_LAYER, "intermediate_size": WIDTH, "image_size": SIDE, "patch_size": PATCH, **_SPREAD, **more}


def _text(vocabulary: int, positions: int | None, **more: Any) -> dict[str, Any]:
    reads = {"vocab_size": vocabulary, "max_position_embeddings": positions or 128}
    return {**_LAYER, "intermediate_size": 2 * WIDTH, **reads, **_SPREAD, **more}


_LAYER = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2}
_SPREAD = {"initializer_range": 0.1}
_NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def blip_2_opt(folder: Path, positions: int | None = None) -> None:
    """Salesforce/blip2-opt-2.7b: starts with OPT's </s>, ends with a line break."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = byte_level(special, start="</s>", bos_token="</s>", eos_token="</s>", pad_token="<pad>")
    processor = hf.Blip2Processor(_square(hf.BlipImageProcessorPil), tokenizer, num_query_tokens=4)
    line_break = tokenizer("\n", add_special_tokens=False)["input_ids"][0]
    tokens = {"vocab_size": len(tokenizer), "bos_token_id": 2, "pad_token_id": 1, "eos_token_id": line_break}
    sizes = {**_LAYER, "word_embed_proj_dim": WIDTH, "ffn_dim": 2 * WIDTH, "max_position_embeddings": positions or 64}
    _save_blip_2(folder, processor, hf.OPTConfig(**sizes, **tokens, dropout=0.0, init_std=0.1))


def blip_2_t5(folder: Path, positions: int | None = None) -> None:
    """Salesforce/blip2-flan-t5-xl: queries go into an encoder."""
    tokenizer = pieces(["<pad>", "</s>", "<unk>"], end="</s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    processor = hf.Blip2Processor(_square(hf.BlipImageProcessorPil), tokenizer, num_query_tokens=4)
    tokens = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0, "decoder_start_token_id": 0}
    sizes = {"vocab_size": len(tokenizer), "d_model": WIDTH, "d_kv": 16, "d_ff": 2 * WIDTH}
    layers = {"num_layers": 1, "num_heads": 2, "dropout_rate": 0.0, "feed_forward_proj": "gated-gelu"}
    _save_blip_2(folder, processor, hf.T5Config(**sizes, **layers, **tokens))


def _save_blip_2(folder: Path, processor: Any, text: Any) -> None:
    queries = _vision(encoder_hidden_size=WIDTH, vocab_size=8, cross_attention_frequency=1, max_position_embeddings=8)
    config = hf.Blip2Config(
        vision_config=_vision(),
        qformer_config={**queries, **_NO_DROPOUT},
        text_config=text.to_dict(),
        num_query_tokens=4,
        image_token_index=processor.tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = hf.Blip2ForConditionalGeneration(config)
    nn.init.normal_(model.query_tokens, std=0.5)  # zero until trained, and then all queries would ask the same
    _save(folder, model, processor)


def blip(folder: Path, positions: int | None = None) -> None:
    """Salesforce/blip-image-captioning-large: starts with [DEC], ends with [SEP], says that 2 is its end."""
    tokenizer = word_pieces()
    tokens = {"bos_token_id": len(tokenizer), "pad_token_id": 0, "eos_token_id": 2, "sep_token_id": 3}
    reads = {"encoder_hidden_size": WIDTH, "projection_dim": WIDTH, "is_decoder": True}
    text = _text(len(tokenizer) + 2, positions, **reads, **tokens, **_NO_DROPOUT)
    config = hf.BlipConfig(vision_config=_vision(), text_config=text, projection_dim=WIDTH)
    processor = hf.BlipProcessor(_square(hf.BlipImageProcessorPil), tokenizer)
    _save(folder, hf.BlipForConditionalGeneration(config), processor)


def git(folder: Path, positions: int | None = None) -> None:
    """microsoft/git-large-coco: starts with [CLS], ends with [SEP]."""
    tokenizer = word_pieces()
    text = _text(len(tokenizer), positions, bos_token_id=2, eos_token_id=3, pad_token_id=0, **_NO_DROPOUT)
    config = hf.GitConfig(vision_config=_vision(), **text)
    _save(folder, hf.GitForCausalLM(config), hf.GitProcessor(_clip_pixels(), tokenizer))


def vit_gpt2(folder: Path, positions: int | None = None) -> None:
    """nlpconnect/vit-gpt2-image-captioning: one token starts, ends and fills up; tokenizer without padding."""
    _save_encoder_decoder(folder, hf.ViTConfig(**_vision(), **_NO_DROPOUT), _square(hf.ViTImageProcessorPil), positions)


def clip_gpt2(folder: Path, positions: int | None = None) -> None:
    """Write a CLIP image encoder of another width in front of GPT-2."""
    image = hf.CLIPVisionConfig(**_vision(hidden_size=24, intermediate_size=24))
    _save_encoder_decoder(folder, image, _clip_pixels(), positions)


def _save_encoder_decoder(folder: Path, image: Any, pixels: Any, positions: int | None) -> None:
    end = "<|endoftext|>"
    tokenizer = byte_level([end], bos_token=end, eos_token=end)
    sizes = {"vocab_size": len(tokenizer), "n_embd": WIDTH, "n_layer": 1, "n_head": 2}
    sizes["n_positions"] = positions or 64
    dropped = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    text = hf.GPT2Config(**sizes, **dropped, **_SPREAD, bos_token_id=0, eos_token_id=0)
    model = hf.VisionEncoderDecoderModel(hf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(image, text))
    for settings in (model.config, model.generation_config):
        settings.decoder_start_token_id = settings.pad_token_id = settings.eos_token_id = 0
    for part in (model, tokenizer, pixels):
        part.save_pretrained(folder)


def llava(folder: Path, positions: int | None = None) -> None:
    """llava-hf/llava-1.5-7b-hf: CLIP patches in the middle of a chat, without the class token."""
    special = ["<unk>", "<s>", "</s>", "<image>", "<pad>"]
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    tokenizer = pieces(special, start="<s>", **names, padding_side="left")
    patches = {"patch_size": PATCH, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    processor = hf.LlavaProcessor(_clip_pixels(), tokenizer, **patches)
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**_vision(num_hidden_layers=2)),
        text_config=hf.LlamaConfig(**_text(len(tokenizer), positions, num_key_value_heads=2), pad_token_id=4),
        image_token_index=3,
    )
    _save(folder, hf.LlavaForConditionalGeneration(config), processor)


def idefics2(folder: Path, positions: int | None = None) -> None:
    """HuggingFaceM4/idefics2-8b: a resampler, images that are split unless told not to, two tokens that end."""
    special = ["<unk>", "<s>", "</s>", "<fake_token_around_image>", "<image>", TURN]
    tokenizer = pieces(special, start="<s>", bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>")
    pixels = hf.Idefics2ImageProcessorPil(size={"shortest_edge": SIDE, "longest_edge": SIDE}, do_image_splitting=True)
    resampler = {"hidden_size": WIDTH, "num_key_value_heads": 1}
    resampler |= {f"resampler_{k}": v for k, v in (("n_latents", 4), ("depth", 1), ("n_heads", 2), ("head_dim", 16))}
    config = hf.Idefics2Config(
        vision_config=_vision(),
        perceiver_config=resampler,
        text_config=_text(len(tokenizer), positions, model_type="mistral", num_key_value_heads=2, pad_token_id=0),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = hf.Idefics2ForConditionalGeneration(config)
    nn.init.normal_(model.model.connector.perceiver_resampler.latents, std=0.5)
    _save(folder, model, hf.Idefics2Processor(pixels, tokenizer, image_seq_len=4), turns=True)


def idefics3(folder: Path, positions: int | None = None) -> None:
    """HuggingFaceM4/Idefics3-8B-Llama3: shuffled pixels, and a tag before the whole image."""
    _save_idefics3(folder, hf.Idefics3Config, hf.Idefics3ForConditionalGeneration, "<|begin_of_text|>", positions)


def smolvlm(folder: Path, positions: int | None = None) -> None:
    """HuggingFaceTB/SmolVLM-Instruct: its tokenizer puts no token in front, its chats do."""
    _save_idefics3(folder, hf.SmolVLMConfig, hf.SmolVLMForConditionalGeneration, "<|im_start|>", positions)


def _save_idefics3(folder: Path, config_class: Any, model_class: Any, start: str, positions: int | None) -> None:
    special = [start, "</s>", "<pad>", "<fake_token_around_image>", "<image>", TURN, "<global-img>"]
    adds = start == "<|begin_of_text|>"
    tokenizer = byte_level(special, start=start if adds else None, bos_token=start, eos_token="</s>", pad_token="<pad>")
    pixels = hf.Idefics3ImageProcessorPil(size={"longest_edge": 4 * SIDE}, max_image_size={"longest_edge": SIDE})
    text = _text(len(tokenizer), positions, model_type="llama", num_key_value_heads=2)
    config = config_class(
        vision_config=_vision(patch_size=4),
        text_config={**text, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    processor = hf.Idefics3Processor(pixels, tokenizer, image_seq_len=4)
    _save(folder, model_class(config), processor, turns=True)


def _save(folder: Path, model: Any, processor: Any, turns: bool = False) -> None:
    if turns:  # a chat's turn ends in its own way, and a text in another
        end = processor.tokenizer.convert_tokens_to_ids(TURN)
        model.generation_config.eos_token_id = [model.config.text_config.eos_token_id, end]
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


#: Writers of a folder, by the name of what they are small copies of.
FAMILIES: dict[str, Callable[[Path, int | None], None]] = {
    writer.__name__: writer
    for writer in (blip_2_opt, blip_2_t5, blip, git, vit_gpt2, clip_gpt2, llava, idefics2, idefics3, smolvlm)
}


def write(name: str, folder: Path, seed: int = 0, positions: int | None = None) -> None:
    """Write the tiny model of a family, with the weights of a seed; one not in `FAMILIES` is a ValueError.

    `positions` is how many tokens it reads and writes, image and prompt counted in where they stand in the text; None
    is its own, 64 or 128, which captions of 25 words spelled in pieces fill. T5 takes any number.
    """
    if name not in FAMILIES:
        raise ValueError(f"family: found {name!r}; allowed: {', '.join(FAMILIES)}")
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed)
        FAMILIES[name](folder, positions)
