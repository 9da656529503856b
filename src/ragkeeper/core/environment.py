"""What the environment and the `.env` file hold, as text: settings are made of it."""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

ENV_FILE = Path(".env")


def given_values(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> dict[str, str]:
    """The environment (default: the process's own) over the file. Raises OSError, UnicodeError."""
    in_file = {name: value for name, value in dotenv_values(dotenv or ENV_FILE).items() if value is not None}
    return {**in_file, **(os.environ if environ is None else environ)}
