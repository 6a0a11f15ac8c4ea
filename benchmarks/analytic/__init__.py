"""The analytic testbed: models whose collapse is known in closed form, run through the same engine as real ones."""
