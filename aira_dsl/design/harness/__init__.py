"""The candidate's side: code that runs in the sandbox and talks to the judge.

`channel` carries messages, `connection` is the judge as a candidate's process sees it, `main`
starts the harness of a task, `weights` writes and reads a model's weights, `language_model` drives
a training script.

Of aira_dsl only this package is in the sandbox. It imports the standard library, numpy, safetensors
and the framework of the candidate, and nothing else.
"""
