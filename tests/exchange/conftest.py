"""The archive of the tests of the store serves here too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "store"))
