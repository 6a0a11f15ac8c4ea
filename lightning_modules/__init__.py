"""Captioners, text-to-image generators, judges and scorers as Lightning modules.

Imports run from the left to the right, and never in a circle:

    speed > bases > architectures, tiny > captioning, diffusion, judges > fitting, families > inputs, weights > settings

`settings`, `bases.recipes`, `bases.small`, `fitting.sizes` and of `weights` what looks at folders (`sources`, `cards`,
`contents`, `adapter_contents`, `fetching`, `files`, `pooling`) are free of torch. Nothing is imported here, so that
naming the package costs nothing.
"""
