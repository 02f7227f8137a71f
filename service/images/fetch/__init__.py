"""Images by URL: which addresses may be asked, and one bounded request."""
