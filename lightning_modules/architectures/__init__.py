"""Networks of the shipped bases, one file each, built from scratch at random weights."""
