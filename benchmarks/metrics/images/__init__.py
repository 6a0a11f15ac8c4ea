"""Metric families of images."""
