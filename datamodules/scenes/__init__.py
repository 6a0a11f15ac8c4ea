"""A world drawn from a counter: images, captions, known attributes and an oracle that reads them."""
