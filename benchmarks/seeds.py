"""Every random number of a run, derived from what it is for.

No scenario, variant, mitigation or batch position enters a seed: cells that differ only in those are paired sample
by sample, and shared prefixes stay shared.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


def step_seed(cell_seed: int, phase: str, iteration: int, member: int = 0) -> int:
    """Return the seed of one step: 63 bits of hash(cell seed, phase, iteration, member)."""
    text = f"{cell_seed}/{phase}/{iteration}/{member}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def mix(state: np.ndarray) -> np.ndarray:
    """Apply the splitmix64 finaliser (Steele et al. 2014) elementwise to uint64 ``state``."""
    with np.errstate(over="ignore"):
        z = state + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX1
        z = (z ^ (z >> np.uint64(27))) * _MIX2
        return z ^ (z >> np.uint64(31))


def sample_seeds(seed: int, ids: np.ndarray, draws: np.ndarray | int = 0) -> np.ndarray:
    """Return one uint64 seed per sample, from (step seed, prompt id, draw index) alone.

    Args:
        seed: The step's seed.
        ids: (n,) integer prompt ids.
        draws: (n,) draw index of each sample within its prompt, or one for all.

    Returns:
        (n,) uint64; independent of batch size, shard count and order.
    """
    state = mix(np.asarray(ids, dtype=np.int64).astype(np.uint64) ^ mix(np.full(1, seed, dtype=np.uint64)))
    return mix(state ^ mix(np.broadcast_to(np.asarray(draws, dtype=np.uint64), state.shape)))


def uniform(seeds: np.ndarray) -> np.ndarray:
    """Return one float64 in the open interval (0, 1) per uint64 seed."""
    return ((mix(seeds) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def gumbel(seeds: np.ndarray) -> np.ndarray:
    """Return one standard Gumbel float64 per uint64 seed: the largest of scores plus such noise is a softmax draw."""
    return -np.log(-np.log(uniform(seeds)))


def permutation(seed: int, size: int) -> np.ndarray:
    """Return a permutation of range(size) that is the same on every machine and numpy version."""
    return np.argsort(sample_seeds(seed, np.arange(size)), kind="stable")


@lru_cache(maxsize=16)  # every step of an iteration asks for the same items
def draw_items(cell_seed: int, iteration: int, n: int, size: int) -> np.ndarray:
    """Return the (n,) item indices of the prompt split that iteration ``iteration`` uses, without repeats.

    A smaller n takes a prefix of the same draw, so variants with fewer samples stay paired. Equal calls may return
    the same array, which is read-only.
    """
    items = permutation(step_seed(cell_seed, "items", iteration), size)[:n].copy()
    items.flags.writeable = False
    return items
