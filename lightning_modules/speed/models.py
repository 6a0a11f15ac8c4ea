"""What is measured: models of the published sizes with random weights, or tiny ones; nothing is downloaded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    BlipImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
)

from datamodules.pairs import Pairs
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.fitting.devices import device
from lightning_modules.inputs.tokens import END, PAD, START, word_tokenizer
from lightning_modules.tiny import captioners, generators
from lightning_modules.weights.quiet import quiet

WORDS = tuple(f"word{i}" for i in range(1000))


@dataclass(frozen=True)
class Size:
    """How large the measured models and pieces of work are.

    Attributes:
        dtype: of the weights.
        side: of images in pixels.
        words: of a prompt or caption.
        tokens: new tokens of a caption.
        sampled: batch sizes to try for drawing images.
        drawn: the same for training the generator.
        captioned: the same for captions.
        taught: the same for training the captioner.
        trial: denoising steps of the sweep.
        training: optimizer steps of a measured fit after the warm-up.
        pairs: image-caption pairs to train on.
    """

    dtype: torch.dtype
    side: int
    words: int
    tokens: int
    sampled: list[int]
    drawn: list[int]
    captioned: list[int]
    taught: list[int]
    trial: int
    training: int
    pairs: int


SIZES = {
    "full": Size(
        torch.bfloat16, 1024, 10, 20, [2, 4, 8, 16, 32], [1, 2, 4, 8, 16], [16, 32, 64, 128, 256, 512],
        [4, 8, 16, 32, 64, 128], 6, 6, 128,
    ),
    "tiny": Size(torch.float32, generators.SIZE, 1, 5, [1, 2], [1, 2], [1, 2], [1, 2], 1, 2, 4),
}  # fmt: skip


@contextmanager
def _in_place(dtype: torch.dtype) -> Iterator[None]:
    """Make weights where they are used and as they are used, so that they never lie in the memory twice."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device(), quiet():
            yield
    finally:
        torch.set_default_dtype(before)


def sdxl(name: str) -> Any:
    """Return the pipeline of SDXL base (stabilityai/stable-diffusion-xl-base-1.0) with random weights."""
    if name == "tiny":
        return generators.make("sdxl").to(device())
    with _in_place(SIZES[name].dtype):
        networks = sdxl_networks()
    for network in networks.values():
        network.eval().requires_grad_(False)
    pipeline = StableDiffusionXLPipeline(
        **networks,
        tokenizer=word_tokenizer(WORDS, 77),
        tokenizer_2=word_tokenizer(WORDS, 77),
        scheduler=EulerDiscreteScheduler(**generators.BETAS, timestep_spacing="leading", steps_offset=1),
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def sdxl_networks() -> dict[str, Any]:
    """Return the networks of SDXL base as published, untrained."""
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    channels = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4}
    return {
        "vae": AutoencoderKL(**blocks, **channels, sample_size=1024, scaling_factor=0.13025, force_upcast=True),
        "text_encoder": CLIPTextModel(_clip(768, 3072, 12, 12, "quick_gelu", 768)),
        "text_encoder_2": CLIPTextModelWithProjection(_clip(1280, 5120, 32, 20, "gelu", 1280)),
        "unet": UNet2DConditionModel(
            sample_size=128,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(320, 640, 1280),
            transformer_layers_per_block=[1, 2, 10],
            attention_head_dim=[5, 10, 20],
            cross_attention_dim=2048,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        ),
    }


def _clip(width: int, inner: int, layers: int, heads: int, act: str, projection: int) -> CLIPTextConfig:
    sizes = {"hidden_size": width, "intermediate_size": inner, "projection_dim": projection, "hidden_act": act}
    tokens = {"vocab_size": 49408, "bos_token_id": START, "eos_token_id": END, "pad_token_id": PAD}
    return CLIPTextConfig(**sizes, **tokens, num_hidden_layers=layers, num_attention_heads=heads)


def blip_2(name: str) -> tuple[Any, Any, Any]:
    """Return model, tokenizer and image processor of BLIP-2 (Salesforce/blip2-opt-2.7b) with random weights."""
    if name == "tiny":
        with tempfile.TemporaryDirectory() as folder:
            captioners.write("blip_2_opt", Path(folder))
            found = CaptionerModule.load(Path(folder))
        return _endless(found.model.to(device())), found.tokenizer, found.image_processor
    with _in_place(SIZES[name].dtype):
        model = blip_2_network()
    torch.nn.init.normal_(model.query_tokens, std=0.2)  # zero until trained
    return _endless(model), word_tokenizer(WORDS, 64), BlipImageProcessorPil(size={"height": 224, "width": 224})


def blip_2_network() -> Any:
    """Return BLIP-2 with OPT-2.7b as published, untrained.

    The defaults of its other parts are the published ones: an image encoder of 39 layers, a querying transformer of 12.
    """
    sizes = {"hidden_size": 2560, "word_embed_proj_dim": 2560, "ffn_dim": 10240, "max_position_embeddings": 2048}
    layers = {"model_type": "opt", "num_hidden_layers": 32, "num_attention_heads": 32}
    tokens = {"vocab_size": 50304, "bos_token_id": 2, "eos_token_id": 50118, "pad_token_id": 1}
    config = Blip2Config(
        vision_config={"image_size": 224, "initializer_range": 0.02},
        qformer_config={"vocab_size": 30523},
        text_config={**sizes, **layers, **tokens},
        num_query_tokens=32,
        image_token_index=50265,
    )
    return Blip2ForConditionalGeneration(config)


def _endless(model: Any) -> Any:
    """Let no caption end before its last token: the end's logit becomes 0, and some word's is above that."""
    end = model.config.text_config.eos_token_id
    with torch.no_grad():
        model.get_input_embeddings().weight[end] = 0
        model.get_output_embeddings().weight[end] = 0
    return model.eval().requires_grad_(False)


def texts(n: int, words: int, seed: int) -> list[str]:
    """Return n texts of so many words."""
    return [" ".join(line) for line in np.random.default_rng(seed).choice(WORDS, (n, words))]


def images(n: int, side: int, seed: int = 0) -> np.ndarray:
    """Return n different images (n, side, side, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def pairs(pictures: np.ndarray, captions: Sequence[str]) -> Pairs:
    """Return pairs to train on."""
    n = len(pictures)
    return Pairs(np.arange(n), pictures, tuple(captions), ("",) * n, np.zeros(n, np.int16))
