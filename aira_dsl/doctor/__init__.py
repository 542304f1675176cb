"""What this machine gives: checks of packages, sandboxes, compilers, files and services.

Importing this package needs the standard library only, so that it can describe a broken
installation.
"""
