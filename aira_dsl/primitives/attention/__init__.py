"""Causal grouped-query attention."""
