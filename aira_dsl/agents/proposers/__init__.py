"""Proposers: where answers come from."""
