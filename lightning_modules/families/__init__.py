"""One file per model family: what differs between pretrained models that serve the same purpose.

A text-to-image family is found by the lower-cased name of its diffusers pipeline, an image-to-text
family by its transformers model type. A new family is a new file here, nothing else.
"""
