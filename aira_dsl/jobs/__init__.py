"""Jobs: work in other processes, with limits. The only package that starts worker processes.

`pool` is the protocol (`Job`, `Outcome`, `Pool`), `local` runs jobs on this machine, `worker` is
the inside of such a process, `limits` holds what is enforced on it.
"""
