"""Passwords and tokens stay where they are: no log, result, page or copy of results repeats them."""

from __future__ import annotations

import os
import re

#: Variables of the environment whose values are secrets: HF_TOKEN, MLFLOW_TRACKING_PASSWORD, AWS_SECRET_ACCESS_KEY.
_NAMES = re.compile(r"(^|_)(TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|(API|ACCESS|PRIVATE|SECRET)_?KEY)$")
#: A shorter value is a word that may stand anywhere.
LEAST = 6
_ADDRESS = re.compile(r"://[^\s/]*@|://[^\s/@:]+:[^\s@]*@")
_GIVEN = re.compile(r"(?i)\b(password|passwd|pwd|token|secret|api_?key)=[^&\s'\"]+")
_HELD = "***"


def hidden(text: str) -> str:
    """Return a text without passwords in addresses, and without the values of variables that hold secrets."""
    for name, value in os.environ.items():
        if _NAMES.search(name.upper()) and len(value) >= LEAST:
            text = text.replace(value, _HELD)
    text = _ADDRESS.sub(f"://{_HELD}@", text)
    return _GIVEN.sub(rf"\1={_HELD}", text)
