"""A plugin of pytest that puts other kernels in the place of `streams.native._kernels`, for `tests.support.sanitizers`.

To be loaded with ``-p``, so that it comes before everything that imports `streams.native`.
"""

import importlib.util
import os
import sys

PATH_VARIABLE = "SANITIZED_KERNELS"
_NAME = "streams.native._kernels"


def pytest_load_initial_conftests() -> None:
    assert "streams.native" not in sys.modules
    spec = importlib.util.spec_from_file_location(_NAME, os.environ[PATH_VARIABLE])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[_NAME] = module
