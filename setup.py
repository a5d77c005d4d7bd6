"""What pyproject.toml cannot say: the C of streams/native is compiled when the project is installed as a package."""

from setuptools import setup

setup(cffi_modules=["streams/native/build.py:ffi"])
