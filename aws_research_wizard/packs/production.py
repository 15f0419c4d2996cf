"""What a pack means to the control plane, carried in this package: the one place where the linter meets it.

Pure: standard library only, no clock, no AWS. See docs/decisions/0034-the-linter-reads-packs-as-production-does.md.
"""

from chalicelib.kernels import rules as kernels
from chalicelib.limits import rules as limits
from chalicelib.packs import reading
from chalicelib.packs import rules as packs
from chalicelib.runtime.errors import AppError, PackBroken, near_miss

__all__ = ["AppError", "PackBroken", "kernels", "limits", "near_miss", "packs", "reading"]
