"""What this machine gives: checks of packages, sandboxes, compilers, files and services.

`check` is the interface; the checks are in `files`, `hardware`, `packages` and `services`, and
`diagnosis` lists and performs them. `machine` and `probe` import packages in other processes.

Importing this package needs the standard library only, so that it can describe a broken
installation.
"""
