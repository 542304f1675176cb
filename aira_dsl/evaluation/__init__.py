"""The proxy: small tasks, their data, training and scores, and the one evaluator of all methods."""
