"""`python -m mock_server` is `batchproof-mock`."""

from mock_server.cli import main

main(prog_name="batchproof-mock")
