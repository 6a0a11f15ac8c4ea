"""The analytic testbed: models whose collapse is known in closed form, run by the engine of the real ones."""
