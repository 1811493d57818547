"""Run a stackfit command; the last line says how many TensorFlow and Keras modules it loaded."""

import json
import sys

from stackfit.cli import main

try:
    main()
finally:
    heavy = sum(name.partition(".")[0] in ("tensorflow", "keras") for name in sys.modules)
    print("\n" + json.dumps({"heavy_modules": heavy}))
