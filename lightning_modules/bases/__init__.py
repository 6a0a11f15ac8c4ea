"""The shipped bases: how they are made and how good they are; their weights lie in `scenes/`."""
