"""What runs on Java."""
