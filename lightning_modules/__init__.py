"""Captioners, text-to-image generators, judges and scorers as Lightning modules.

`settings` is torch-free; every other file imports torch. Nothing is imported here, so that
naming the package costs nothing.
"""
