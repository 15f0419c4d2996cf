"""What can one ask of packs, also a team's own, and of the images baked of them?"""

# mypy: disable-error-code="no-any-return"
# (JSON off the wire is Any; the shapes say what it is, and a test holds them to the API's own document)
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aws_research_wizard.client.asking import Asking, part

if TYPE_CHECKING:
    from aws_research_wizard.client import shapes


class PackCalls(Asking):
    # packs

    def packs(self) -> Iterator[shapes.PackSummaryView]:
        """The domains a lab can be made for."""
        return self._pages("/packs")

    def offer_pack_uploads(self, wish: shapes.PackUploadRequest) -> shapes.PackUploadList:
        """Where the files of a team's own pack are to be put."""
        return self._send("POST", "/packs/uploads", wish)

    def add_pack(self, wish: shapes.PackRequest, key: str = "") -> shapes.OwnPackView:
        """A team's own pack, of files that were uploaded."""
        return self._send("POST", "/packs", wish, key=key)

    def remove_pack(self, name: str, key: str = "") -> None:
        """A team's own pack goes; Conflict while a lab uses it."""
        self._send("DELETE", f"/packs/{part(name)}", key=key)

    def pack(self, name: str, *, resolved: bool = False) -> shapes.PackView:
        """One pack, as written or with everything it extends."""
        return self._get(f"/packs/{part(name)}", {"resolved": "true" if resolved else None})

    # images

    def bake(self, pack: str, key: str = "") -> shapes.ImageView:
        """Bake a pack into an image (administrators); the answer is the bake, BAKING."""
        return self._send("POST", "/images", {"pack": pack}, key=key)

    def images(self, pack: str = "") -> Iterator[shapes.ImageView]:
        """Bakes and their images; of one pack the newest first."""
        return self._pages("/images", {"pack": pack or None})

    def image(self, bake_id: str) -> shapes.ImageView:
        """One bake, and its image once there is one."""
        return self._get(f"/images/{part(bake_id)}")
