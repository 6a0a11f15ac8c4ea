"""The judge of the Fréchet Inception Distance (1706.08500): Inception-v3 (1512.00567) with its weights of 2015-12-05.

The network that FID is defined by is a TensorFlow graph, not the Inception-v3 of other libraries: it has 1,008
classes, its average pools leave padding out of the mean, its very last block pools by maximum, and images come to it
through the bilinear resize of TensorFlow 1. Modules bear the names of the published PyTorch port of its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.judges.one_file import OneFileJudge

SIZE, CLASSES = 299, 1008


class InceptionJudge(OneFileJudge):
    """Embeds images as the mean of the last feature maps (pool3), 2,048 numbers, not normalised."""

    name: ClassVar[str] = "inception_judge"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, str, tuple[str, ...]]] = (
        "pt_inception-2015-12-05-6726825d.pth",
        "",
        ("inception.safetensors",),
    )
    embeds: ClassVar[tuple[str, ...]] = ("images",)
    width: ClassVar[int] = 2048

    @staticmethod
    def network() -> Inception:
        """Return the network without weights."""
        return Inception()

    def features(self, pixels: Tensor) -> Tensor:
        """Map pixels (n, H, W, 3) uint8 to features (n, 2048)."""
        return self.model((resize(pixels.permute(0, 3, 1, 2).float(), SIZE) - 128) / 128)


def resize(images: Tensor, size: int) -> Tensor:
    """Resize images (n, c, H, W) to (n, c, size, size) as `resize_bilinear` of TensorFlow 1 does by default.

    Pixel i of the result lies at i * H / size of the source, corner on corner without half-pixel centres, and what
    lies beyond the last pixel is that pixel. Nothing is smoothed when an image shrinks.
    """
    for axis in (-1, -2):
        length = images.shape[axis]
        place = torch.arange(size, device=images.device, dtype=torch.float32) * (length / size)
        low = place.floor().long().clamp(max=length - 1)
        share = (place - low).reshape(-1, *[1] * (-1 - axis))
        near, far = images.index_select(axis, low), images.index_select(axis, (low + 1).clamp(max=length - 1))
        images = near + (far - near) * share
    return images


class Conv(nn.Module):
    """Convolution without bias, batch norm, ReLU; `same` pads so that a stride of 1 keeps the size."""

    def __init__(
        self, width: int, out: int, kernel: tuple[int, int] = (1, 1), stride: int = 1, same: bool = True
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if same else (0, 0)
        self.conv = nn.Conv2d(width, out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, H, W) to (n, out, H', W')."""
        return F.relu(self.bn(self.conv(x)))


def mean_pool(x: Tensor) -> Tensor:
    """Mean of each 3x3 neighbourhood over those of its pixels that exist."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def max_pool(x: Tensor) -> Tensor:
    """Maximum of each 3x3 neighbourhood."""
    return F.max_pool2d(x, 3, stride=1, padding=1)


def halved(x: Tensor) -> Tensor:
    """Maximum of every second 3x3 neighbourhood, without padding."""
    return F.max_pool2d(x, 3, stride=2)


class Block(nn.Module):
    """Branches side by side: chains of convolutions, joined over channels.

    `chain` adds the convolutions of a branch under their published names and `run` applies them.
    """

    def chain(self, width: int, names: Sequence[str], *layers: tuple[int, tuple[int, int]], last: int = 1) -> None:
        """Add convolutions of (channels, kernel) in a row; the last one halves the size where `last` is 2."""
        for i, (name, (out, kernel)) in enumerate(zip(names, layers, strict=True)):
            stride = last if i == len(layers) - 1 else 1
            self.add_module(name, Conv(width, out, kernel, stride, same=stride == 1))
            width = out

    def run(self, x: Tensor, *names: str) -> Tensor:
        """Apply convolutions in a row."""
        for name in names:
            x = self.get_submodule(name)(x)
        return x


def numbered(name: str, count: int) -> tuple[str, ...]:
    """Return name_1 to name_count."""
    return tuple(f"{name}_{i + 1}" for i in range(count))


FIVE, DOUBLE, SEVEN, SEVENS = (
    numbered("branch5x5", 2),
    numbered("branch3x3dbl", 3),
    numbered("branch7x7", 3),
    numbered("branch7x7dbl", 5),
)
THREE, SEVEN_THREE = numbered("branch3x3", 2), numbered("branch7x7x3", 4)
#: Kernels: height and width.
ONE, SQUARE, FIFTH, ROW, COLUMN = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1)


class BlockA(Block):
    """35x35 maps."""

    def __init__(self, width: int, pooled: int) -> None:
        super().__init__()
        self.chain(width, ("branch1x1",), (64, ONE))
        self.chain(width, FIVE, (48, ONE), (64, FIFTH))
        self.chain(width, DOUBLE, (64, ONE), (96, SQUARE), (96, SQUARE))
        self.chain(width, ("branch_pool",), (pooled, ONE))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, H, W) to (n, 224 + pooled, H, W)."""
        pooled = self.run(mean_pool(x), "branch_pool")
        return torch.cat([self.run(x, "branch1x1"), self.run(x, *FIVE), self.run(x, *DOUBLE), pooled], 1)


class BlockB(Block):
    """From 35x35 to 17x17 maps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.chain(width, ("branch3x3",), (384, SQUARE), last=2)
        self.chain(width, DOUBLE, (64, ONE), (96, SQUARE), (96, SQUARE), last=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, H, W) to (n, 480 + width, H', W')."""
        return torch.cat([self.run(x, "branch3x3"), self.run(x, *DOUBLE), halved(x)], 1)


class BlockC(Block):
    """17x17 maps, kernels of 7 taken apart."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.chain(width, ("branch1x1",), (192, ONE))
        self.chain(width, SEVEN, (inner, ONE), (inner, ROW), (192, COLUMN))
        self.chain(width, SEVENS, (inner, ONE), (inner, COLUMN), (inner, ROW), (inner, COLUMN), (192, ROW))
        self.chain(width, ("branch_pool",), (192, ONE))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, H, W) to (n, 768, H, W)."""
        pooled = self.run(mean_pool(x), "branch_pool")
        return torch.cat([self.run(x, "branch1x1"), self.run(x, *SEVEN), self.run(x, *SEVENS), pooled], 1)


class BlockD(Block):
    """From 17x17 to 8x8 maps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.chain(width, THREE, (192, ONE), (320, SQUARE), last=2)
        self.chain(width, SEVEN_THREE, (192, ONE), (192, ROW), (192, COLUMN), (192, SQUARE), last=2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, H, W) to (n, 512 + width, H', W')."""
        return torch.cat([self.run(x, *THREE), self.run(x, *SEVEN_THREE), halved(x)], 1)


class BlockE(Block):
    """8x8 maps; two of its branches end in a fork. The last one of the network pools by maximum."""

    def __init__(self, width: int, last: bool) -> None:
        super().__init__()
        self.pool = max_pool if last else mean_pool
        self.chain(width, ("branch1x1",), (320, ONE))
        self.chain(width, ("branch3x3_1",), (384, ONE))
        self.chain(width, DOUBLE[:2], (448, ONE), (384, SQUARE))
        for fork in ("branch3x3_2", "branch3x3dbl_3"):
            self.chain(384, (f"{fork}a",), (384, (1, 3)))
            self.chain(384, (f"{fork}b",), (384, (3, 1)))
        self.chain(width, ("branch_pool",), (192, ONE))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, H, W) to (n, 2048, H, W)."""
        parts = [self.run(x, "branch1x1")]
        for stem, fork in ((("branch3x3_1",), "branch3x3_2"), (DOUBLE[:2], "branch3x3dbl_3")):
            inner = self.run(x, *stem)
            parts += [self.run(inner, f"{fork}a"), self.run(inner, f"{fork}b")]
        return torch.cat([*parts, self.run(self.pool(x), "branch_pool")], 1)


class Inception(nn.Module):
    """The whole network; `fc`, which FID does not use, is there because the weights have it."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, SQUARE, 2, same=False)
        self.Conv2d_2a_3x3 = Conv(32, 32, SQUARE, same=False)
        self.Conv2d_2b_3x3 = Conv(32, 64, SQUARE)
        self.Conv2d_3b_1x1 = Conv(64, 80)
        self.Conv2d_4a_3x3 = Conv(80, 192, SQUARE, same=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = BlockA(192, 32), BlockA(256, 64), BlockA(288, 64)
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b, self.Mixed_6c = BlockC(768, 128), BlockC(768, 160)
        self.Mixed_6d, self.Mixed_6e = BlockC(768, 160), BlockC(768, 192)
        self.Mixed_7a = BlockD(768)
        self.Mixed_7b, self.Mixed_7c = BlockE(1280, last=False), BlockE(2048, last=True)
        self.fc = nn.Linear(InceptionJudge.width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, 299, 299), about -1 to 1, to their features (n, 2048)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = halved(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(halved(x))))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean((2, 3))
