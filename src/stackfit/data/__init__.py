"""Data: what a config's `data` section names, as arrays or as a stream. Importing this never imports TensorFlow."""

from stackfit.data.dataset import Dataset, Scaling, Split, StreamedDataset
from stackfit.data.load import load_dataset
from stackfit.data.progress import Progress

__all__ = [
    "Dataset",
    "Progress",
    "Scaling",
    "Split",
    "StreamedDataset",
    "load_dataset",
]
