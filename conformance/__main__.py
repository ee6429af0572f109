"""`python -m conformance` is `batchproof`."""

from conformance.cli import main

main(prog_name="batchproof")
