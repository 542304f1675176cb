"""Commands that install optional packages.

aira-dsl is not on a package index, so a message names the packages of an extra, with the versions
of pyproject.toml, and not the extra.
"""

import re
import shlex
from importlib.metadata import PackageNotFoundError, requires


def install_command(extra: str) -> str:
    """Return the pip command that installs what an extra of pyproject.toml lists."""
    try:
        listed = requires("aira-dsl") or []
    except PackageNotFoundError:  # a checkout that is not installed
        listed = []
    packages = [
        requirement.split(";")[0].strip()
        for requirement in listed
        if re.search(rf"extra\s*==\s*['\"]{extra}['\"]", requirement)
    ]
    if not packages:
        return f"pip install -e '.[{extra}]' in the checkout of aira-dsl"
    return f"pip install {shlex.join(packages)}"
