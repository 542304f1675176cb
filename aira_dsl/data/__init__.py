"""Training data: the tasks, their splits, and text."""
