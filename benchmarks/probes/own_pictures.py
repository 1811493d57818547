"""A user's folder of pictures, read once: to the arrays that train, or through Keras's own function, which is lazy."""

import json
import resource
import sys
import time

path, by_keras = sys.argv[1], sys.argv[2] == "keras"
if by_keras:
    import keras
    import tensorflow as tf  # noqa: F401 (its import is not what is timed)

    colour = sys.argv[3]
    began, cpu = time.perf_counter(), time.process_time()
    size = (28, 28) if colour == "grayscale" else (64, 64)
    read = keras.utils.image_dataset_from_directory(path, image_size=size, color_mode=colour, shuffle=False, verbose=False)
    count = sum(len(labels) for _, labels in read)
else:
    from stackfit.data import declare, load_dataset
    from stackfit.execution.progress import LiveReporter

    data = {"kind": "images", "path": path, "scale": "unit"}
    reporter = LiveReporter()
    began, cpu = time.perf_counter(), time.process_time()
    dataset = load_dataset({**data, **declare(data, "class")}, step=reporter.load)
    reporter.end()
    count = sum(dataset.sizes.values())
seconds, helped = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = time.process_time() - cpu + helped.ru_utime + helped.ru_stime
print(json.dumps({"read": seconds, "read_cpu": cpu, "pictures": count}))
