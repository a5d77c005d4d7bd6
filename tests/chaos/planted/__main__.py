"""Run a worker with the bug that PLANTED_BUG names; everything else is the product's own."""

import os
import sys

from scripts.commands import worker
from tests.chaos.planted.catalogue import BUGS, VARIABLE

if __name__ == "__main__":
    BUGS[os.environ[VARIABLE]].plant(setattr)
    sys.exit(worker.main())
