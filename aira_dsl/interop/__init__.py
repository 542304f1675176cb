"""Architecture -> what other tools read, and back from their notations.

Each target is a file. One that can not express an architecture says exactly what and why, before
anything is written; `hf` and `python` express all.
"""
