"""Metric families of captions."""
