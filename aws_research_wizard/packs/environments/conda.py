"""What does conda's own list hold that a lab can have? `conda list`, `--export`, `--explicit`, `--json`.

conda lists programs and libraries beside Python packages, under names of its own. A line becomes a requirement, a Debian tool
where one of our packs has it, or is left behind with a reason. Whether the index knows a name only the index can say: such lines
are marked loose.
"""

import re
from collections.abc import Collection

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aws_research_wizard.packs.environments.lines import Carried, Left

EXPORT = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)=(?P<version>[^=\s<>!~]+)(=(?P<build>[^=\s]+))?")
ROW = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)\s+(?P<version>[0-9][^\s]*)\s+(?P<build>\S+)(\s+(?P<channel>\S+))?")
ADDRESS = re.compile(r"\S+/(?P<name>[A-Za-z0-9_.-]+)-(?P<version>[^-/\s]+)-(?P<build>[^-/\s]+)\.(conda|tar\.bz2)(#\S*)?")
ON_INDEX = {
    "brotli-python": "brotli", "dask-core": "dask", "matplotlib-base": "matplotlib", "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless", "py-lightgbm": "lightgbm", "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost", "pyarrow-core": "pyarrow", "pytables": "tables", "python-graphviz": "graphviz",
    "python-kaleido": "kaleido", "python-tzdata": "tzdata", "pytorch": "torch", "pytorch-cpu": "torch",
    "pytorch-gpu": "torch", "seaborn-base": "seaborn", "statsmodels-base": "statsmodels",
    "tensorflow-base": "tensorflow", "ucx-py": "ucx-py-cu12", "xarray-base": "xarray",
}  # fmt: skip
"""conda's name → the index's, where they differ."""
NO_PACKAGE = frozenset(
    {
        "aom", "arrow-cpp", "blas", "boost-cpp", "bzip2", "c-ares", "ca-certificates", "cairo", "cctools", "conda",
        "cudatoolkit", "curl", "dbus", "eigen", "expat", "fftw", "fontconfig", "freetype", "fribidi", "gcc", "gdbm", "geos",
        "gettext", "giflib", "glib", "gmp", "graphite2", "graphviz", "gsl", "gst-plugins-base", "gstreamer", "gxx", "harfbuzz",
        "hdf4", "hdf5", "icu", "intel-openmp", "jpeg", "json-c", "keyutils", "krb5", "lame", "lcms2", "ld_impl_linux", "lerc",
        "llvm-openmp", "lz4-c", "mamba", "mkl", "mpc", "mpfr", "mpg123", "mpi", "mpich", "mysql-common", "mysql-libs",
        "ncurses", "nettle", "nodejs", "nspr", "nss", "openblas", "openh264", "openjpeg", "openmpi", "openssl", "orc", "pango",
        "pcre", "pcre2", "pixman", "poppler", "proj", "pulseaudio", "python", "python_abi", "qt", "qt-main", "qt6-main", "re2",
        "readline", "rust", "s2n", "snappy", "sqlite", "svt-av1", "tbb", "tk", "tzcode", "tzdata", "xcb-util", "xerces-c", "xz",
        "yaml", "yaml-cpp", "zeromq", "zlib", "zlib-ng", "zstd",
    }
)  # fmt: skip
NO_PYTHON = "no Python package: the packages that need it bring their own"


def match(line: str) -> re.Match[str] | None:
    """The parts of a line that conda wrote; None when it is another's."""
    for shape in (ADDRESS, EXPORT, ROW):
        found = shape.fullmatch(line.strip())
        if found:
            return found
    return None


def read(number: int, line: str, found: re.Match[str], tools: Collection[str]) -> Carried | Left:
    """One line; `tools` are the programs that our packs take from Debian."""
    parts = found.groupdict()
    name, version = str(parts["name"]).lower(), str(parts["version"])
    if parts.get("channel") == "pypi" or str(parts.get("build") or "").startswith("pypi"):
        return _pinned(number, line, name, version, "", loose=False)
    if name.startswith("r-") or name.startswith("bioconductor-"):
        return Left(number, line, "an R package: a pack has them in a kernel of R, not in Python's")
    if name in tools:
        return Carried(number, name, f"Debian's version of it, not {version}")
    if (
        name in NO_PACKAGE
        or name.startswith(("lib", "_", "xorg-", "font-", "fonts-", "aws-c-"))
        or name.endswith(("-cpp", "-64"))
    ):
        return Left(number, line, NO_PYTHON)
    return _pinned(number, line, ON_INDEX.get(name, name), version, "conda's build: the index's own is taken", loose=True)


def _pinned(number: int, line: str, name: str, version: str, note: str, loose: bool) -> Carried | Left:
    try:
        asked = Requirement(f"{canonicalize_name(name)}=={version}")
    except InvalidRequirement:
        return Left(number, line, f"the version '{version[:40]}' is not written as Python's are")
    return Carried(number, str(asked), note, loose)
