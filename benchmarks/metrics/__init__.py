"""Metric families: one file each, found by class path; what every number means is in docs/metrics.md."""
