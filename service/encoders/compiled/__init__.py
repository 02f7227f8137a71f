"""Forward passes on the CPU as compiled graphs."""
