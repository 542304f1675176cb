"""`python -m aira_dsl` is `aira-dsl`."""

from aira_dsl.cli import main

main()
