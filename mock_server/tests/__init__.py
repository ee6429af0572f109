"""Tests of the mock server, over real HTTP and with real processes."""
