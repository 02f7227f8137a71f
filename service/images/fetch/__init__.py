"""Images by URL: which URLs are allowed, and one bounded request."""
