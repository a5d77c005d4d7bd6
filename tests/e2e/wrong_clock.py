"""A worker whose clock is ten seconds ahead; run as a module, like the worker itself."""

import sys
import time

AHEAD_SECONDS = 10.0

if __name__ == "__main__":
    true = time.time
    time.time = lambda: true() + AHEAD_SECONDS
    from scripts.commands.worker import main

    sys.exit(main())
