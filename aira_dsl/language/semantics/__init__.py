"""Syntax tree -> meaning: what is written by key, what it inherits, what its values are."""
