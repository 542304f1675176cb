"""The loop of a search, with results that are looked up, in this process."""
