"""Batchproof's stand-in server: the batch-mode API, really run, in memory and in a sandbox."""
