"""Renders a report.json into what people and CI use."""
