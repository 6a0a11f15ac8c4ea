"""Measuring a set of captions and images as it lies, without any loop: what is gone, against what, beyond chance."""
