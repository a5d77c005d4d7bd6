"""Makes an image's workers end at their start; loaded by Python itself as `sitecustomize`."""

import os
import sys

if sys.orig_argv[-1] == "worker":
    os.write(2, b"broken on purpose: this version cannot start\n")
    os._exit(3)
