"""A table of a user's, read to the arrays that train: declared, as a config is composed, and loaded. Or by pandas alone."""

import json
import sys
import time

import pandas as pd

path, by_pandas = sys.argv[1], sys.argv[2] == "pandas"
if by_pandas:
    began = time.perf_counter()
    pd.read_csv(path)
else:
    from stackfit.data import declare, load_dataset

    data = {"kind": "csv", "path": path, "label": "y", "scale": "standardize"}
    began = time.perf_counter()
    dataset = load_dataset({**data, **declare(data, "class")})
print(json.dumps({"read": time.perf_counter() - began}))
