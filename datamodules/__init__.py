"""Data sets: drawn scenes, image folders, and the synthetic pairs that the loop makes."""
