"""Byte-level language modelling on text files."""
