"""Tiny random pipelines of every real class, saved as the published ones are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import diffusers as df
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

from lightning_modules.tiny.tokenizers import LENGTH, clip_tokenizer, t5_tokenizer

SIZE, LATENT = 16, 8  # pixels, latents
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def clip_text(projected: bool = False, act: str = "quick_gelu") -> CLIPTextModel:
    """Return a CLIP text encoder, with a projection where asked for."""
    kind = CLIPTextModelWithProjection if projected else CLIPTextModel
    sizes = {"hidden_size": 16, "intermediate_size": 32, "projection_dim": 16, "max_position_embeddings": LENGTH}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_act": act, "initializer_factor": 5.0}
    tokens = {"vocab_size": 54, "bos_token_id": 52, "eos_token_id": 53, "pad_token_id": 53}
    return kind(CLIPTextConfig(**sizes, **layers, **tokens))


def t5_text(width: int = 16) -> T5EncoderModel:
    """Return a T5 encoder."""
    sizes = {"vocab_size": 64, "d_model": width, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    return T5EncoderModel(T5Config(**sizes, dropout_rate=0.0, feed_forward_proj="gated-gelu"))


def autoencoder(**config: Any) -> df.AutoencoderKL:
    """Return an autoencoder of half the side."""
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    channels = {"block_out_channels": (8, 8), "norm_num_groups": 4, "latent_channels": 4}
    return df.AutoencoderKL(**blocks, **channels, sample_size=SIZE, **config)


def unet(width: int, **config: Any) -> df.UNet2DConditionModel:
    """Return a U-Net for text states of some width."""
    down, up = ("DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D")
    blocks = {"down_block_types": down, "up_block_types": up, "layers_per_block": 1}
    channels = {"block_out_channels": (16, 16), "norm_num_groups": 4, "attention_head_dim": 2}
    return df.UNet2DConditionModel(sample_size=LATENT, **blocks, **channels, cross_attention_dim=width, **config)


def stable_diffusion(scheduler: Any, act: str = "quick_gelu", **config: Any) -> df.StableDiffusionPipeline:
    """Return a Stable Diffusion pipeline."""
    unused = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return df.StableDiffusionPipeline(
        vae=autoencoder(scaling_factor=0.9),
        text_encoder=clip_text(act=act),
        tokenizer=clip_tokenizer(),
        unet=unet(16, **config),
        scheduler=scheduler,
        **unused,
    )


def sd15() -> df.StableDiffusionPipeline:
    """Stable Diffusion 1.5: predicts noise."""
    return stable_diffusion(df.PNDMScheduler(**BETAS, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1))


def sd21() -> df.StableDiffusionPipeline:
    """Stable Diffusion 2.1: predicts velocities."""
    ends = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    scheduler = df.DDIMScheduler(**BETAS, prediction_type="v_prediction", **ends)
    return stable_diffusion(scheduler, act="gelu", use_linear_projection=True)


def sdxl(**vae: Any) -> df.StableDiffusionXLPipeline:
    """Stable Diffusion XL: two text encoders, sizes and pooled text as conditions."""
    added = {"addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 16 + 6 * 8}
    return df.StableDiffusionXLPipeline(
        vae=autoencoder(scaling_factor=0.9, force_upcast=True, **vae),
        text_encoder=clip_text(),
        text_encoder_2=clip_text(projected=True, act="gelu"),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=unet(32, use_linear_projection=True, addition_embed_type="text_time", **added),
        scheduler=df.EulerDiscreteScheduler(**BETAS, timestep_spacing="leading", steps_offset=1),
    )


def pixart(kind: type, made_for: int = LATENT, longest: int = LENGTH) -> Any:
    """PixArt-alpha or -sigma: a transformer with T5 states."""
    layers = {"num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 24, "cross_attention_dim": 48}
    channels = {"in_channels": 4, "out_channels": 8, "caption_channels": 16}
    return kind(
        tokenizer=t5_tokenizer(longest),
        text_encoder=t5_text(),
        vae=autoencoder(scaling_factor=0.9),
        transformer=df.PixArtTransformer2DModel(sample_size=made_for, patch_size=2, **layers, **channels),
        scheduler=df.DPMSolverMultistepScheduler(beta_schedule="linear", beta_start=0.0001, beta_end=0.02),
    )


def sd3(t5: bool = True, longest: int = LENGTH, **scheduler: Any) -> df.StableDiffusion3Pipeline:
    """Stable Diffusion 3: flow matching; with or without its T5 encoder."""
    latents = {"sample_size": LATENT, "patch_size": 2, "in_channels": 4, "out_channels": 4, "pos_embed_max_size": 8}
    layers = {"num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 12, "qk_norm": "rms_norm"}
    texts = {"joint_attention_dim": 40, "caption_projection_dim": 24, "pooled_projection_dim": 32}
    return df.StableDiffusion3Pipeline(
        transformer=df.SD3Transformer2DModel(**latents, **layers, **texts),
        scheduler=df.FlowMatchEulerDiscreteScheduler(**({"shift": 3.0} | scheduler)),
        vae=autoencoder(scaling_factor=1.1, shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=clip_text(projected=True),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip_text(projected=True, act="gelu"),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5_text(40) if t5 else None,
        tokenizer_3=t5_tokenizer(longest) if t5 else None,
    )


def flux(distilled: bool, longest: int = LENGTH) -> df.FluxPipeline:
    """FLUX.1: packed latents; `dev`, which is guidance-distilled, or `schnell`."""
    shifting = {"shift": 3.0, "use_dynamic_shifting": True} if distilled else {"shift": 1.0}
    layers = {"num_layers": 1, "num_single_layers": 1, "num_attention_heads": 2, "attention_head_dim": 16}
    texts = {"joint_attention_dim": 16, "pooled_projection_dim": 16, "guidance_embeds": distilled}
    return df.FluxPipeline(
        scheduler=df.FlowMatchEulerDiscreteScheduler(**shifting),
        vae=autoencoder(scaling_factor=1.1, shift_factor=0.1, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=t5_text(),
        tokenizer_2=t5_tokenizer(longest),
        transformer=df.FluxTransformer2DModel(
            patch_size=1, in_channels=16, axes_dims_rope=(4, 6, 6), **layers, **texts
        ),
    )


#: Makers of a pipeline, by the name of what they are small copies of.
FAMILIES: dict[str, Callable[[], Any]] = {
    "sdxl": sdxl,
    "sd15": sd15,
    "sd21": sd21,
    "pixart_alpha": partial(pixart, df.PixArtAlphaPipeline),
    "pixart_alpha_1024": partial(pixart, df.PixArtAlphaPipeline, 128),
    "pixart_sigma": partial(pixart, df.PixArtSigmaPipeline),
    "sd3": sd3,
    "sd3_without_t5": partial(sd3, t5=False),
    "flux_dev": partial(flux, True),
    "flux_schnell": partial(flux, False),
}


def make(name: str, seed: int = 0) -> Any:
    """Make a family's pipeline with weights that make every input matter; one not in `FAMILIES` is a ValueError."""
    if name not in FAMILIES:
        raise ValueError(f"family: found {name!r}; allowed: {', '.join(FAMILIES)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = FAMILIES[name]()
        denoiser = pipeline.components.get("unet") or pipeline.components["transformer"]
        with torch.no_grad():
            for parameter in denoiser.parameters():  # untrained, some of them answer zero whatever they are asked
                parameter.add_(0.05 * torch.randn_like(parameter))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
