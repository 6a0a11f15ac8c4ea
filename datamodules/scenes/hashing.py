"""Counter-based random numbers: the number of item i is a pure function of (seed, names, i, lane).

Nothing is stateful, so items can be drawn in any order, in any batch, on any machine and under any
numpy version, and still be the same to the last bit.
"""

from __future__ import annotations

import numpy as np

from datamodules.scenes.laws import Law

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def mix(values: np.ndarray) -> np.ndarray:
    """Scramble a uint64 array of any shape with the finaliser of splitmix64, a bijection of the 64-bit integers."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _mix_one(value: int) -> int:
    return int(mix(np.array([value & _MASK], dtype=np.uint64))[0])


def name_key(name: str) -> int:
    """Hash a name to 64 bits (FNV-1a, then `mix`)."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = ((key ^ byte) * 0x100000001B3) & _MASK
    return _mix_one(key)


class Draws:
    """The random numbers of a batch of items, one independent stream per named lane.

    Args:
        seed: any Python integer; taken modulo 2**64.
        names: what the items belong to, for example the domain and the split.
        index: (n,) non-negative item numbers.
    """

    def __init__(self, seed: int, names: tuple[str, ...], index: np.ndarray) -> None:
        key = _mix_one(seed + _GOLDEN)
        for name in names:
            key = _mix_one(key ^ name_key(name))
        counter = np.asarray(index).astype(np.uint64)
        # Two rounds: neighbouring counters differ by a constant, one round would leave a trace of it.
        self._states = mix(mix(counter * np.uint64(_GOLDEN) + np.uint64(key)))

    def __len__(self) -> int:
        return len(self._states)

    def take(self, rows: np.ndarray) -> Draws:
        """Return the draws of some of the items, unchanged."""
        some = object.__new__(Draws)
        some._states = self._states[rows]
        return some

    def bits(self, lane: str) -> np.ndarray:
        """Return (n,) uint64, uniform over all 64-bit integers."""
        return mix(self._states ^ np.uint64(name_key(lane)))

    def uniform(self, lane: str, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Return (n,) float64, uniform in [low, high)."""
        unit = (self.bits(lane) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return low + (high - low) * unit

    def choice(self, lane: str, law: Law) -> np.ndarray:
        """Return (n,) int64 indices into `law.values`, distributed as the law says."""
        # Integer thresholds: a last-bit difference between two maths libraries cannot move an item.
        high_bits = self.bits(lane) >> np.uint64(32)
        return np.searchsorted(law.thresholds, high_bits, side="right").astype(np.int64)
