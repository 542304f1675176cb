"""Code of exported models is cached in a folder of the tests, not in the user's home."""

import os
import tempfile

os.environ.setdefault("HF_MODULES_CACHE", tempfile.mkdtemp(prefix="aira-dsl-modules-"))
