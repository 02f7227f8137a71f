"""Between the JSON of `wire` and the values of `search` and `catalog`."""
