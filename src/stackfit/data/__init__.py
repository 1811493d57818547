"""What a config's `data` section names, as arrays or as a stream. Importing it never imports TensorFlow."""

from stackfit.data.catalogue import Item, Row, fetch, list_data, pick_item, show_item
from stackfit.data.dataset import Dataset, Progress, Scaling, Split, StreamedDataset
from stackfit.data.load import declare, load_dataset, target_scale_of

__all__ = ["Dataset", "Item", "Progress", "Row", "Scaling", "Split", "StreamedDataset", "declare", "fetch"]
__all__ += ["list_data", "load_dataset", "pick_item", "show_item", "target_scale_of"]
