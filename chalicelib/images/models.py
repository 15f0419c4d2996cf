"""What do images look like to whoever asks? A bake, how it goes, and what came of it."""

from __future__ import annotations

from datetime import datetime

from chalicelib.images.rules import Bake
from chalicelib.runtime.shapes import Asked, Field, PageQuery, Told


class BakeRequest(Asked):
    pack: str = Field(min_length=1, max_length=64, examples=["genomics"])


class ImageQuery(PageQuery):
    pack: str | None = Field(default=None, max_length=64, description="Only this pack's")


class BakedKernel(Told):
    name: str
    lock_sha256: str = Field(description="The lock it was made from")
    megabytes: int
    seconds: float


class BakedLesson(Told):
    """An example notebook, run on the builder before there was an image."""

    file: str
    kernel: str
    cells: int
    seconds: float
    ok: bool
    said: str = Field(description="The last line it printed")


class BakeStep(Told):
    name: str
    seconds: float


class ImageCopy(Told):
    region: str
    image_id: str


class ImageView(Told):
    id: str
    pack: str
    state: str = Field(description="BAKING, READY (labs get it), FAILED, RETIRING or RETIRED")
    image_id: str | None
    architecture: str
    region: str
    release: str = Field(description="The release of the hub in it")
    why: str = Field(description="Why it was baked")
    asked_at: datetime
    asked_by: str
    finished_at: datetime | None = Field(description="When it became READY, or failed")
    instance_type: str | None
    builder_id: str | None
    passed: bool = Field(description="Every lesson of the pack ran well on its builder")
    seconds: float = Field(description="What the builder took")
    size_gb: int
    kernels: list[BakedKernel]
    lessons: list[BakedLesson]
    steps: list[BakeStep]
    copies: list[ImageCopy]
    cause: str | None = Field(description="Why it failed")
    log_tail: list[str]

    @classmethod
    def of(cls, bake: Bake) -> ImageView:
        return cls(
            id=bake.id,
            pack=bake.pack,
            state=str(bake.state),
            image_id=bake.image_id or None,
            architecture=bake.architecture,
            region=bake.region,
            release=bake.release,
            why=bake.why,
            asked_at=bake.asked_at,
            asked_by=bake.asked_by,
            finished_at=bake.finished_at,
            instance_type=bake.instance_type or None,
            builder_id=bake.builder_id or None,
            passed=bake.passed,
            seconds=bake.seconds,
            size_gb=bake.size_gb,
            kernels=[BakedKernel(**vars(one)) for one in bake.kernels],
            lessons=[BakedLesson(**vars(one)) for one in bake.lessons],
            steps=[BakeStep(**vars(one)) for one in bake.steps],
            copies=[ImageCopy(**vars(one)) for one in bake.copies],
            cause=bake.cause or None,
            log_tail=list(bake.log_tail),
        )


class ImageList(Told):
    items: list[ImageView]
    cursor: str | None = None
