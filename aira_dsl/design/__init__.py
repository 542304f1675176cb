"""Design: candidates are folders of files, scored from outside.

`task` reads a task folder, `metadata` is its metadata.yaml, `data` prepares its data; `candidate`
is a folder of files; `judge` runs a candidate in the sandbox and computes its score, `harness` is
the code on the candidate's side; `judgement` is the result, `worker` judges in a process of a pool.
"""
