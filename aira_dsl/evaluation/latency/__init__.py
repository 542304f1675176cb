"""Latency and memory of a design: estimated from data sheets of GPUs, or measured here.

`latency` in `estimate.py` does both; of the modules only `measure.py` and `worker.py` need torch.
"""
