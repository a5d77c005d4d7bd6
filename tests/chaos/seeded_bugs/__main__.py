"""Run a worker with the bug that SEEDED_BUG names; everything else is the product's own."""

import os
import sys

from scripts.commands import worker
from tests.chaos.seeded_bugs.catalogue import BUGS, VARIABLE

if __name__ == "__main__":
    BUGS[os.environ[VARIABLE]].seed_into(setattr)
    sys.exit(worker.main())
