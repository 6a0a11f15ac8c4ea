"""Tests see what they set themselves, not who started them: `make test`, a hook of git, a terminal, a cluster's job."""

from __future__ import annotations

import os
import signal

#: What changes the behaviour of a command that a test starts: what `make` hands to its children, what git hands to its
#: hooks, what a terminal or a CI job says of itself, where results are mirrored to.
INHERITED = (
    *("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "SUITE", "METHOD", "ENTRY", "SET", "VOTES"),
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"),
    *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
    "MLFLOW_TRACKING_URI",
)

for name in INHERITED:
    os.environ.pop(name, None)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a job in the background, which hands it down to its children
    signal.signal(signal.SIGINT, signal.default_int_handler)
