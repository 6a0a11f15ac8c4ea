"""Metric families of synthetic sets, before anything is trained on them."""
