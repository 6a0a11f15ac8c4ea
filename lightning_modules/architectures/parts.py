"""Parts that several of the small networks have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPImageProcessorPil, CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.diffusion.autoencoder import AutoencoderModule
from lightning_modules.diffusion.generator import GeneratorModule
from lightning_modules.inputs.tokens import END, PAD, SPECIAL, START, piece_tokenizer, word_tokenizer

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


#: How configurations name the special tokens of the word-level tokenizer.
TOKEN_IDS = {"pad_token_id": PAD, "bos_token_id": START, "eos_token_id": END}

#: How configurations after BERT say that nothing is dropped.
UNDROPPED = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


@dataclass(frozen=True)
class Given:
    """What a small network is built for.

    Attributes:
        vocabulary: the words of its captions.
        image_size: side of its images in pixels.
        siblings: folder in which the bases lie that it stands on.
        length: longest caption in tokens, special ones included.
        merges: pairs of tokens that become one, where the vocabulary holds pieces of words; None = whole words.
        shared: name of the autoencoder among the siblings.
        placeholders: words of the vocabulary that no text is cut within.
    """

    vocabulary: tuple[str, ...]
    image_size: int
    siblings: Path
    length: int = MAX_LENGTH
    merges: tuple[tuple[str, str], ...] | None = None
    shared: str = "decoder"
    placeholders: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """Return how many tokens there are, special ones included."""
        return len(self.vocabulary) + len(SPECIAL)

    def words(self, before: int = 0) -> dict[str, int]:
        """Return how configurations name the tokens and the longest input, with places `before` the words."""
        return {"vocab_size": self.tokens, "max_position_embeddings": 2 * self.length + before}

    def pixels(self, patch: int) -> dict[str, int]:
        """Return how configurations name the side of images and of their patches."""
        return {"image_size": self.image_size, "patch_size": patch}

    def latents(self, vae: AutoencoderKL) -> dict[str, int]:
        """Return how denoisers name side and channels of their latents."""
        channels = vae.config.latent_channels
        return {"sample_size": self.image_size // 4, "in_channels": channels, "out_channels": channels}

    def autoencoder(self) -> AutoencoderKL:
        """Return the autoencoder beside this base."""
        return AutoencoderModule.load(self.siblings / self.shared).vae

    def tokenizer(self) -> Any:
        """Return a tokenizer of the words, or of their pieces."""
        if self.merges is None:
            return word_tokenizer(self.vocabulary, self.length)
        return piece_tokenizer(self.vocabulary, self.merges, self.length, self.placeholders)

    def processor(self) -> CLIPImageProcessorPil:
        """Return a processor that maps images to [-1, 1], resizing and cropping only what has another size."""
        side = {"height": self.image_size, "width": self.image_size}
        half = [0.5, 0.5, 0.5]
        options = {"do_resize": True, "do_center_crop": False, "do_convert_rgb": False}
        return CLIPImageProcessorPil(size=side, crop_size=side, image_mean=half, image_std=half, **options)


def layers(width: int, number: int, inner: str = "intermediate_size", wide: int = 3, head: int = 24) -> dict[str, int]:
    """Return how configurations name so many layers, `wide` times `width` inside, in heads of `head` channels."""
    shape = {"hidden_size": width, "num_hidden_layers": number, "num_attention_heads": max(1, width // head)}
    return {**shape, inner: wide * width}


def clip_layers(width: int, number: int) -> dict[str, int]:
    """Return so many layers as CLIP and BERT have them."""
    return layers(width, number, wide=4, head=16)


def captioner(model: Any, given: Given, prompt: str | None = None) -> CaptionerModule:
    """Return a captioner all of which is trained."""
    module = CaptionerModule(model, given.tokenizer(), given.processor(), prompt=prompt)
    module.train_all()
    return module


def generator(pipeline: str, parts: dict[str, Any], settings: dict[str, Any] | None = None) -> GeneratorModule:
    """Return a generator whose text encoders are trained too."""
    module = GeneratorModule(pipeline, parts, settings)
    module.train_text()
    return module


def unet(given: Given, vae: AutoencoderKL, channels: tuple[int, ...], width: int, **more: Any) -> UNet2DConditionModel:
    """Return a U-Net in which text of some `width` attends at the lowest resolution only."""
    return UNet2DConditionModel(
        **given.latents(vae),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=tuple(channels),
        layers_per_block=1,
        transformer_layers_per_block=1,
        attention_head_dim=4,
        cross_attention_dim=width,
        norm_num_groups=8,
        **more,
    )


def clip_text(given: Given, width: int, number: int, projection: int | None = None) -> CLIPTextModel:
    """Return a small CLIP text encoder; with a `projection` width, the kind that projects its pooled output."""
    words = {**given.words(), **TOKEN_IDS, "max_position_embeddings": given.length}
    config = CLIPTextConfig(**clip_layers(width, number), **words, projection_dim=projection or width)
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
