"""How fast this machine trains: our engine beside transformers' NemotronH, in one run.

Timings drift on any machine, so nothing is compared across runs: for every arrangement all
contestants train one after another, in processes of their own, and ratios are what is reported.
"""
