"""Run the product's worker with the bug that SEEDED_BUG names."""

import os
import sys

from scripts.commands import worker
from tests.chaos.seeded_bugs.catalogue import BUGS, VARIABLE

if __name__ == "__main__":
    BUGS[os.environ[VARIABLE]].apply(setattr)
    sys.exit(worker.main())
