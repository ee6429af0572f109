"""The subcommands of `batchproof`, one module each."""
