"""`python -m mock_server` is `batchproof-mock`."""

import gc

# What is imported stays: looking for garbage among it meanwhile, and ever after, finds none and takes a tenth of the
# start.
gc.disable()

from mock_server.cli import main  # noqa: E402  - see above

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main(prog_name="batchproof-mock")
