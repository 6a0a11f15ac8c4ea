"""What happens to files: cut, a byte changed, or encoded otherwise; used where any file is tried."""

from __future__ import annotations

from hypothesis import strategies as st

WAYS = ("cut", "byte", "utf-16", "bom", "crlf", "twice", "latin")


def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Return bytes as they are in three cases of ten, else after one of `WAYS`."""
    how = draw(st.sampled_from(["", "", "", *WAYS]))
    at = draw(st.integers(0, max(0, len(content) - 1)))
    if how == "byte" and not content:
        return content
    return {
        "": lambda: content,
        "cut": lambda: content[:at],
        "byte": lambda: content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :],
        "utf-16": lambda: content.decode("utf-8", "replace").encode("utf-16"),
        "bom": lambda: b"\xef\xbb\xbf" + content,
        "crlf": lambda: content.replace(b"\n", b"\r\n"),
        "twice": lambda: content * 2,
        "latin": lambda: content + b"\xe9",
    }[how]()
