"""Learning on one's own catalog: a query adapter out of judged queries, exported only if it is proven to help."""
