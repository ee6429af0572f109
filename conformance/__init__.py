"""Batchproof's conformance suite: checks any implementation of the batch-mode API over HTTP alone."""

from importlib.metadata import version
from typing import Final

__version__: Final = version("batchproof")
