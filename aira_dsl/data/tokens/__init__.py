"""Text as tokens for pretraining: prepared once, read by any number of processes in one order."""
