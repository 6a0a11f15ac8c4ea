"""Running a plan: what is missing, on worker processes, with a result file as soon as a cell is complete."""
