"""Speed of the metrics beside their references, in one run."""
