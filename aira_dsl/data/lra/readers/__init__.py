"""Readers of data sets in the layouts that people have on disk; nothing is unpickled."""
