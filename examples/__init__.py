"""What Batchproof does, shown on a small C project."""
