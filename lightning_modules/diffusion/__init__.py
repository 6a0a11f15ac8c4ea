"""Models that draw images from texts: the parts of a diffusers pipeline, fitted and sampled."""
