"""How fast sampling and training are here, beside the plain way with the libraries alone: `make speed-gpu`."""
