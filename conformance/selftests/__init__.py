"""Proofs that each check can fail, and that none fails a right server."""
