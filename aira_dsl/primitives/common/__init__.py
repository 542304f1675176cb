"""Torch modules and caches that several primitives share."""
