"""HTTP only: routes, access, limits, problem documents, observability and the search page."""
