"""Grids of training runs for scaling fits: sized, planned, run, collected."""
