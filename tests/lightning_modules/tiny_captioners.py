"""What the library's own forward wants of each family's tiny captioner, written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import transformers as hf
from PIL import Image

from lightning_modules.tiny.captioners import SIDE, TURN, write
from lightning_modules.tiny.tokenizers import CAPTIONS

__all__ = ["CAPTIONS", "TINY", "images", "make"]


def images(n: int = len(CAPTIONS)) -> np.ndarray:
    """Return random images (n, 16, 16, 3) uint8, each of its own colour."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 96, (n, SIDE, SIDE, 3)) + random.integers(0, 160, (n, 1, 1, 3))
    return noise.astype(np.uint8)


# --- what the library's own forward is given


@dataclass(frozen=True)
class Tiny:
    """One family's tiny model.

    Attributes:
        inputs: what the library's own forward wants beside pixels for one caption, written by hand: given the module,
            the caption and the prompt ("" = none) -> lists of tokens by argument, "labels" among them.
        chats: whether it is asked for captions by a template.
    """

    inputs: Callable[[Any, str, str], dict[str, list[int]]]
    chats: bool = False


def _tokens(module: Any, text: str) -> list[int]:
    return module.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []


def _causal(front: tuple[str | Callable[[Any], int], ...], end: str) -> Callable[[Any, str, str], dict[str, list[int]]]:
    """Return inputs of a causal model: tokens in front, prompt, caption, end; the last two are labels.

    A token that no text names is looked up in the configuration.
    """

    def inputs(module: Any, caption: str, prompt: str) -> dict[str, list[int]]:
        known, config = module.tokenizer.convert_tokens_to_ids, module.model.config
        first = [known(token) if isinstance(token, str) else token(config) for token in front]
        whole = [*first, *_tokens(module, f"{prompt} {caption}".strip()), module.tokenizer.convert_tokens_to_ids(end)]
        hidden = len(first) + len(_tokens(module, prompt))
        return {"input_ids": whole, "labels": [-100] * hidden + whole[hidden:]}

    return inputs


def _decoder(module: Any, caption: str, prompt: str) -> dict[str, list[int]]:
    """Return inputs of an encoder-decoder whose token 0 starts and ends."""
    whole = [0, *_tokens(module, f"{prompt} {caption}".strip()), 0]
    hidden = len(_tokens(module, prompt))
    return {"decoder_input_ids": whole[:-1], "labels": [-100] * hidden + whole[1 + hidden :]}


def _t5(module: Any, caption: str, prompt: str) -> dict[str, list[int]]:
    """Return queries and prompt for the encoder, which closes with token 1, and the caption for the decoder."""
    image = module.tokenizer.convert_tokens_to_ids("<image>")
    return {
        "input_ids": [*[image] * 4, *_tokens(module, prompt), 1],
        "labels": [*_tokens(module, caption), 1],
    }


def _chat(template: str, end: str) -> Callable[[Any, str, str], dict[str, list[int]]]:
    """Return inputs as the real processor makes them of a template and the image."""

    def inputs(module: Any, caption: str, prompt: str) -> dict[str, list[int]]:
        processor = hf.AutoProcessor.from_pretrained(module.folder)
        front = template.format(prompt=prompt or ASK)
        processor.image_processor.do_image_splitting = False
        picture = [[Image.fromarray(images(1)[0])]]
        asked, told = (processor(text=[text], images=picture)["input_ids"][0] for text in (front, f"{front} {caption}"))
        whole = [*told, module.tokenizer.convert_tokens_to_ids(end)]
        return {"input_ids": whole, "labels": [-100] * len(asked) + whole[len(asked) :]}

    return inputs


ASK = "Describe the image in one short sentence."
_TURNS = f"User:<image>{{prompt}}{TURN}\nAssistant:"
TINY = {
    "blip_2_opt": Tiny(_causal(("<image>",) * 4 + ("</s>",), "\u010a")),
    "blip_2_t5": Tiny(_t5),
    "blip": Tiny(_causal((lambda config: config.text_config.bos_token_id,), "[SEP]")),
    "git": Tiny(_causal(("[CLS]",), "[SEP]")),
    "vit_gpt2": Tiny(_decoder),
    "clip_gpt2": Tiny(_decoder),
    "llava": Tiny(_chat("USER: <image>\n{prompt} ASSISTANT:", "</s>"), chats=True),
    "idefics2": Tiny(_chat(_TURNS, TURN), chats=True),
    "idefics3": Tiny(_chat(_TURNS, TURN), chats=True),
    "smolvlm": Tiny(_chat(f"<|im_start|>{_TURNS}", TURN), chats=True),
}


def make(name: str, folder: Path) -> None:
    """Write the tiny model of a family, always the same one."""
    write(name, folder)
