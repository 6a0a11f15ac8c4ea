"""The engine: a suite file becomes a graph of content-keyed steps, the steps run, result files come out."""
