"""Sets of pictures and captions as they lie on a disk, whatever wrote them."""

from datamodules.layouts.items import Item, Picture
from datamodules.layouts.opening import OpenSet, open_set
from datamodules.pictures import BrokenImage

__all__ = ["BrokenImage", "Item", "OpenSet", "Picture", "open_set"]
