"""Jobs in other processes, with limits. All worker processes are started here.

`pool` is the protocol (`Job`, `Outcome`, `Pool`), `local` runs jobs on this machine, `worker` is
the main module of such a process, `limits` restricts its environment, threads and memory.
"""
