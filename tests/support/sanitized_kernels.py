"""A pytest plugin that replaces `streams.native._kernels` by other kernels, for `tests.support.sanitizers`.

It has to be loaded with ``-p``, before anything imports `streams.native`.
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
