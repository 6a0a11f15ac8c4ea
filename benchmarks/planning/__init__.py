"""From a study to the whole graph of steps, before anything runs and without torch."""
