"""Foreign code in a sandbox: what it may read, what it may use, and one way to take results out.

`spec` has the records (`Spec`, `Limits`, `Result`), `kinds` says which sandbox this machine offers,
`process` starts one and holds its limits, `files` moves files in and out. Below them: `bubblewrap`
and `landlock` describe the two kinds, `seccomp` is their list of denied system calls, `launcher` is
the program that runs inside before the foreign one, `tree`, `scratch` and `output` measure.

The threat is a careless or reward-seeking program, not one that exploits the kernel.
"""
