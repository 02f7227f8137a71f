"""This checkout against an earlier commit, side by side."""
