"""`ghpkg notebook`: a notebook to explore packages with."""

import shlex
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from .failures import WrongUsage
from .output import Output

SUFFIX: Final = ".ipynb"
NEEDED: Final = ("ipykernel", "matplotlib", "pandas")
"""What the notebook imports beside the library, and what runs it."""


def notebook(
    file: Annotated[
        Path, Parameter(name="FILE", help="Where to write it; its name ends in .ipynb.")
    ] = Path("packages.ipynb"),
    /,
    *,
    force: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Write over a file that is there."),
    ] = False,
) -> None:
    """Write a Jupyter notebook to start exploring from.

    It lists packages and versions, audits, and draws what it found. Without a token it starts an
    embedded GitHub with made-up packages of its own. It needs the extra "notebook".

    Example: ghpkg notebook my-packages.ipynb
    """
    if file.suffix != SUFFIX:
        raise WrongUsage(f"FILE: {str(file)!r} has to end in {SUFFIX}")
    shipped = files("ghpkg_async").joinpath("notebooks", "packages.ipynb").read_bytes()
    try:
        with file.open("wb" if force else "xb") as opened:
            opened.write(shipped)
    except FileExistsError:
        raise WrongUsage(
            f"FILE: {file} is there already; write over it with --force, or name another"
        ) from None
    except OSError as error:
        raise WrongUsage(f"FILE: {file} cannot be written: {error.strerror or error}") from error
    output = Output(json=False)
    if any(find_spec(name) is None for name in NEEDED):
        output.note('It needs the extra: pip install "ghpkg-async[notebook]"')
    output.line(f"Wrote {file}. Open it with: jupyter lab {shlex.quote(str(file))}")
