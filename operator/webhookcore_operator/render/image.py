"""Which image router and jobs run: the spec's, and where it leaves something empty, the operator's own."""

from dataclasses import dataclass

from webhookcore.settings import Image


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image's name in its parts; `digest` is `sha256:...`, or empty as `tag` may be."""

    repository: str
    tag: str
    digest: str

    @classmethod
    def read(cls, name: str) -> "ImageName":
        """Reads `repository[:tag][@digest]`; a colon before a slash is a registry's port."""
        named, _, digest = name.partition("@")
        repository, colon, tag = named.rpartition(":")
        if not colon or "/" in tag:
            repository, tag = named, ""
        return cls(repository, tag, digest)

    def __str__(self) -> str:
        return self.repository + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def effective_image(image: Image, own: str) -> str:
    """What to run.

    A tag of the spec's says all by itself: the operator's digest belongs to another tag. A repository without a tag is
    a mirror of the operator's own image: the same tag in it. Its digest may have changed on the way (a copy of one
    platform of several), so it is used only where the operator's image has no tag.
    """
    mine = ImageName.read(own)
    if image.tag:
        return str(ImageName(image.repository or mine.repository, image.tag, ""))
    if image.repository in ("", mine.repository):
        return own
    return str(ImageName(image.repository, mine.tag, "" if mine.tag else mine.digest))
