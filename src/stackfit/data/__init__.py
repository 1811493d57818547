"""What a config's `data` section names, as arrays or as a stream. Importing it never imports TensorFlow."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackfit.data.catalogue import Item, Row, fetch, list_data, pick_item, show_item
    from stackfit.data.dataset import Dataset, Progress, Scaling, Split, StreamedDataset
    from stackfit.data.load import declare, load_dataset, target_scale_of

__all__ = ["Dataset", "Item", "Progress", "Row", "Scaling", "Split", "StreamedDataset", "declare", "fetch"]
__all__ += ["list_data", "load_dataset", "pick_item", "show_item", "target_scale_of"]
_LOAD = ("declare", "load_dataset", "target_scale_of")
_DATASET = ("Dataset", "Progress", "Scaling", "Split", "StreamedDataset")


def __getattr__(name: str) -> Any:
    """A module of these is imported when it is needed: a process that only decodes pictures starts in half the time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "load" if name in _LOAD else "dataset" if name in _DATASET else "catalogue"
    return getattr(import_module(f"{__name__}.{home}"), name)
