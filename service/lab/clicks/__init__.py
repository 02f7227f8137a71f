"""What users did, as judgments: click models over the search log, and estimates of what has not been shown yet."""
