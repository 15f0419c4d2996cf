"""What does a lesson look like? The last picture that it draws, small enough to stand in a page."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import nbformat

WIDEST, COLOURS = 720, 255


def last_of(notebook: nbformat.NotebookNode) -> bytes | None:
    """The PNG that was drawn last; None when the lesson draws nothing."""
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    drawn = [out.data["image/png"] for out in outputs if "image/png" in out.get("data", {})]
    return base64.b64decode(drawn[-1]) if drawn else None


def keep(notebook: nbformat.NotebookNode, file: Path) -> bool:
    """The lesson's last picture, in that file. Whether there was one."""
    picture = last_of(notebook)
    if picture:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(small(picture))
    return picture is not None


def small(picture: bytes) -> bytes:
    """At most WIDEST points wide, on white, with a palette in which also a thin line has its colour."""
    from PIL import Image

    drawn = Image.open(io.BytesIO(picture)).convert("RGBA")
    whole = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")
    whole.thumbnail((WIDEST, 10 * WIDEST), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    whole.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(held, "PNG", optimize=True)
    return held.getvalue()
