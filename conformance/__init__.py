"""Batchproof's conformance suite: checks any implementation of the batch-mode API over HTTP alone."""
