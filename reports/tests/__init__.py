"""Tests of the renderers, on made-up reports of hostile content."""
