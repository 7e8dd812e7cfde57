"""`ghpkg notebook`: write a Jupyter notebook that explores packages."""

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
"""Packages that the notebook needs: its imports besides the library, and its kernel."""


def notebook(
    file: Annotated[
        Path, Parameter(name="FILE", help="File to write; its name ends in .ipynb.")
    ] = Path("packages.ipynb"),
    /,
    *,
    force: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Overwrite an existing file."),
    ] = False,
) -> None:
    """Write a Jupyter notebook to start exploring from.

    The notebook lists packages and versions, runs an audit, and draws charts. Without a token, it
    uses an embedded GitHub with sample packages. It needs the extra "notebook".

    Example: ghpkg notebook my-packages.ipynb
    """
    if file.suffix != SUFFIX:
        raise WrongUsage(f"FILE: {str(file)!r} must end in {SUFFIX}")
    shipped = files("ghpkg_async").joinpath("notebooks", "packages.ipynb").read_bytes()
    try:
        with file.open("wb" if force else "xb") as opened:
            opened.write(shipped)
    except FileExistsError:
        raise WrongUsage(
            f"FILE: {file} exists already; overwrite it with --force, or name another"
        ) from None
    except OSError as error:
        raise WrongUsage(f"FILE: {file} cannot be written: {error.strerror or error}") from error
    output = Output(json=False)
    if any(find_spec(name) is None for name in NEEDED):
        output.note('The notebook needs an extra: pip install "ghpkg-async[notebook]"')
    output.line(f"Wrote {file}. Open it with: jupyter lab {shlex.quote(str(file))}")
