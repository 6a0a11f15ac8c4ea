"""Findings as statements over cells: one file a kind, found by the `class_path` of a claim in a suite."""
