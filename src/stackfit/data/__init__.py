"""What a config's `data` section names, as arrays or as a stream. Importing it never imports TensorFlow."""

from stackfit.data.catalogue import Row, fetch, list_data
from stackfit.data.dataset import Dataset, Scaling, Split, StreamedDataset
from stackfit.data.load import load_dataset
from stackfit.data.own import declare
from stackfit.data.picture import Item, render_picture, show_item, write_png
from stackfit.data.progress import Progress

__all__ = [
    "Dataset",
    "Item",
    "Progress",
    "Row",
    "Scaling",
    "Split",
    "StreamedDataset",
    "declare",
    "fetch",
    "list_data",
    "load_dataset",
    "render_picture",
    "show_item",
    "write_png",
]
