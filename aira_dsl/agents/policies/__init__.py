"""Policies: what to do next, given the tree."""
