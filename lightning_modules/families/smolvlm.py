"""SmolVLM (2504.05299): Idefics3 in small, whose chats open with a token of their own."""

from __future__ import annotations

from typing import ClassVar

from lightning_modules.families import idefics3


class Family(idefics3.Family):
    """Only the template differs."""

    template: ClassVar[str] = f"<|im_start|>{idefics3.Family.template}"
