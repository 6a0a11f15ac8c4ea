"""How long metrics take, beside the way that they are usually computed, on this machine: `make speed-metrics`."""
