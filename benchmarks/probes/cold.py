"""`python cold.py WORD…`: a stackfit command on a machine that has compiled nothing for JAX yet."""

import os
import shutil
import sys
from pathlib import Path

from stackfit.config import project

shutil.rmtree(project.cache() / "compiled", ignore_errors=True)
stackfit = str(Path(sys.executable).with_name("stackfit"))
os.execv(stackfit, [stackfit, *sys.argv[1:]])
