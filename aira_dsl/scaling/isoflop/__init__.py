"""Scaling laws from training runs: loss as a function of parameters and tokens."""
