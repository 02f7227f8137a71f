"""What users do with rankings: the search log, feedback, and interleaving of two configurations."""
