"""What pyproject.toml cannot say: the wheel's packages have other names than the checkout's, and one is compiled.

Nothing is written into the checkout: what is built is built in a temporary directory.
"""

import sys
import tempfile
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True

from infra.packaging.build import BuildModules, RefuseEditable, packages  # noqa: E402  not importable before

with tempfile.TemporaryDirectory(prefix="hotel-audio-") as scratch:
    setup(
        packages=list(packages()),
        package_dir=packages(),
        cffi_modules=["streams/native/build.py:for_wheel"],
        cmdclass={"build_py": BuildModules, "editable_wheel": RefuseEditable},
        options={"build": {"build_base": scratch}, "egg_info": {"egg_base": scratch}},
    )
