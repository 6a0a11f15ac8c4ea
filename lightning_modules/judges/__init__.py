"""Models that measure, and never generate: dual encoders, and frozen networks of images or captions alone."""
