"""Architecture -> other tools' formats, and back.

`exporters` and `importers` hold one registry each; a family of formats is a file of `families`. A
form that cannot express an architecture names every reason before anything is written, and an
import accounts for every setting of a config.
"""
