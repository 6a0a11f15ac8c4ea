"""What networks take in and give out: pixels, latents, tokens."""
