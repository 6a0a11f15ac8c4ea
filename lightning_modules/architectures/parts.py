"""Parts that several of the small networks have in common."""

from __future__ import annotations

from diffusers import DDIMScheduler
from torch import nn
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    PreTrainedModel,
)

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.inputs.tokens import END, PAD, START, word_tokenizer

# Longest caption of the drawn scenes, special tokens included, with room to spare.
MAX_LENGTH = 32

# Standard deviation of untrained weights. The usual 0.02 is meant for networks ten times as wide: here it starves
# every residual branch, attention stays uniform, and captioners learn neither place nor shape.
INIT = 0.1


def spread_positions(vision: nn.Module) -> None:
    """Give the patch positions of an image encoder the scale of its patches, so that place can be told."""
    for name, parameter in vision.named_parameters():
        if "position_embedding" in name:
            nn.init.normal_(parameter, std=0.5)


def image_processor(image_size: int) -> CLIPImageProcessorPil:
    """Return a processor that maps images to [-1, 1], resizing and cropping only what has another size."""
    side = {"height": image_size, "width": image_size}
    return CLIPImageProcessorPil(
        size=side,
        crop_size=side,
        do_resize=True,
        do_center_crop=False,
        do_convert_rgb=False,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )


#: How configurations name the special tokens of the word-level tokenizer.
TOKEN_IDS = {"pad_token_id": PAD, "bos_token_id": START, "eos_token_id": END}

#: How configurations after BERT say that nothing is dropped.
UNDROPPED = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def captioner(
    model: PreTrainedModel, words: tuple[str, ...], image_size: int, prompt: str | None = None
) -> CaptionerModule:
    """Return a captioner all of which is trained, with a tokenizer of these words."""
    tokenizer = word_tokenizer(words, MAX_LENGTH)
    module = CaptionerModule(model, tokenizer, image_processor(image_size), prompt=prompt)
    module.train_all()
    return module


def clip_text(vocabulary: tuple[str, ...], width: int, layers: int, projection: int | None = None) -> CLIPTextModel:
    """Return a small CLIP text encoder; with a `projection` width, the kind that projects its pooled output."""
    config = CLIPTextConfig(
        vocab_size=len(vocabulary) + 4,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 16),
        max_position_embeddings=MAX_LENGTH,
        projection_dim=projection or width,
        **TOKEN_IDS,
    )
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def diffusion_scheduler(prediction: str) -> DDIMScheduler:
    """Return a deterministic sampler (2010.02502) that starts from pure noise (2305.08891)."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type=prediction,
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=prediction == "v_prediction",
    )
