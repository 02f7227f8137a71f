"""Color management: an embedded ICC profile is applied, so that models see what browsers show.

Without a profile, RGB and gray are assumed to be sRGB, and CMYK is converted by Pillow's plain formula.
"""

import io
import logging

from PIL import Image, ImageCms

logger = logging.getLogger(__name__)

MAX_PROFILE_BYTES = 4 * 2**20
"""The largest profiles in use, for printing, have up to 3 MB."""

_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode for the color space in a profile's header (ICC.1:2022, 7.2.6)."""


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image as RGB in the color space sRGB; `image` is L, RGB or CMYK without transparency.

    A profile that is too large, broken, or made for another color space is skipped, as browsers do.
    """
    converted = _converted(image, profile) if profile else None
    if converted is not None:
        return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image | None:
    """None if there is nothing to convert, or the profile cannot be used."""
    if len(profile) > MAX_PROFILE_BYTES:
        logger.info("a color profile of %d bytes is too large and was ignored", len(profile))
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in (source.profile.profile_description or "").lower():
            return None
        if _MODES.get(source.profile.xcolor_space) != image.mode:
            logger.info("a color profile does not match its image and was ignored")
            return None
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, srgb, image.mode, "RGB", ImageCms.Intent.PERCEPTUAL)
        return ImageCms.applyTransform(image, transform)
    except Exception:  # declared fault boundary: a profile is hostile data, and an image is usable without it
        logger.info("a color profile cannot be read and was ignored")
        return None
