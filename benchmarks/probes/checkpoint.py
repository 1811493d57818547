"""What one checkpoint costs beside one epoch of gsp631_base, both timed in the same run, the first of each left out."""

import json
import statistics
import time

import stackfit.api
from stackfit.results.run_folder import RunFolder
from stackfit.training.tensorflow import runtime

spent: list[float] = []


def timed(function, first):
    """Time the function; `first` begins an epoch's sum, the others add to it."""

    def call(*arguments):
        began = time.perf_counter()
        result = function(*arguments)
        seconds = time.perf_counter() - began
        spent.append(seconds if first else spent.pop() + seconds)
        return result

    return call


if __name__ == "__main__":
    runtime.start(lean=True)
    from stackfit.training import loop

    loop._MemberState._checkpoint = timed(loop._MemberState._checkpoint, first=True)
    RunFolder.save_checkpoint = timed(RunFolder.save_checkpoint, first=False)
    run = stackfit.api.run("gsp631_base", "epochs=11")
    checkpoint, epoch = statistics.median(spent[1:]), statistics.median(run.history["seconds"][1:])
    print(json.dumps({"checkpoint": checkpoint, "epoch": epoch, "share": checkpoint / epoch}))
