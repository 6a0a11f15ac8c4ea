"""What a mitigation may change, and how one is made ready to plan with."""
