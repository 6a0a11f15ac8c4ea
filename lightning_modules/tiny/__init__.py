"""Tiny random models of every real class: the code that loads the real ones loads these."""
