"""Idefics3 (2408.12637): Idefics2 with shuffled pixels in place of the resampler."""

from __future__ import annotations

from typing import ClassVar

from lightning_modules.families import idefics2


class Family(idefics2.Family):
    """Its images open with a tag that says: this is the whole one."""

    template: ClassVar[str] = f"User:{{image}}{{prompt}}{idefics2.TURN_ENDS}\nAssistant:"
    around: ClassVar[tuple[str, str]] = ("<fake_token_around_image><global-img>", "<fake_token_around_image>")
