"""What a run leaves for people: boards, pictures, MLflow's copy, entries."""
