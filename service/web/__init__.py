"""The search page: one HTML file, one style sheet and one script module, served as they are. No CDN, no inline code."""
