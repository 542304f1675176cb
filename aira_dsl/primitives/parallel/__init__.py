"""Parallel layers."""
