"""Jobs in other processes, with limits. All worker processes are started here.

`pool` is the protocol (`Job`, `Outcome`, `Pool`), `local` runs jobs on this machine, `worker` is
the main module of such a process, `limits` restricts its environment, threads and memory. `ray`
runs jobs on a cluster, by local pools on its nodes (`ray_actor`); `cluster` says what these have.
`choice` is where a command decides between the two.
"""
