"""Training speed on this machine: aira-dsl beside transformers' NemotronH, in one run.

Timings drift on any machine, so nothing is compared across runs: for every arrangement all
implementations train one after another, in separate processes, and ratios are reported.
"""
