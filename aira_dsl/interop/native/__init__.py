"""Architecture -> the config.json of a class that transformers itself has: no remote code.

A family is a function from an architecture to settings; `registry` names them. Whatever it writes
is read back by the importer of the same family (`aira_dsl.interop.decoders`), and every difference
is a reason against the export (`comparison`).
"""
