"""Images that cannot be used."""

from service.errors.requests import InvalidInput


class InvalidImage(InvalidInput):
    """An image that cannot be used."""

    status = 422
    type = "invalid-image"
    title = "The image cannot be used"
    default_detail = "Send a JPEG, PNG or WebP image."


class NotAnImage(InvalidImage):
    """The bytes are not an image, or a data URI is malformed."""

    type = "not-an-image"
    title = "This is not an image"
    default_detail = "The data is not a valid image. Send the bytes of a JPEG, PNG or WebP file."


class CorruptImage(InvalidImage):
    """An image that is truncated or damaged."""

    type = "corrupt-image"
    title = "The image is damaged"
    default_detail = "The image is truncated or damaged. Save it again and send the new file."


class UnsupportedImage(InvalidImage):
    """An image in a format that is not accepted."""

    status = 415
    type = "unsupported-image"
    title = "The image format is not supported"
    default_detail = "Only JPEG, PNG and WebP images are accepted. Convert the image to one of them."


class UrlRefused(InvalidImage):
    """The URL of an image, or one that it redirects to, is not one that this service fetches."""

    status = 400
    type = "url-refused"
    title = "Images are not fetched from this URL"
    default_detail = "Only http and https URLs of allowed hosts are fetched. Send the image itself instead."


class ImageNotFetched(InvalidImage):
    """The URL of an image returned none in time."""

    type = "image-not-fetched"
    title = "The image could not be fetched"
    default_detail = "The URL returned no image in time. Check the URL, or send the image itself."


class ImageTooLarge(InvalidImage):
    """Too many bytes or too many pixels."""

    status = 413
    type = "image-too-large"
    title = "The image is too large"
    default_detail = "Reduce the image and send it again."


class ImageTooSmall(InvalidImage):
    """Too few pixels to recognize anything."""

    type = "image-too-small"
    title = "The image is too small"
    default_detail = "Send a larger image."


class CropTooSmall(ImageTooSmall):
    """A region of an image that has too few pixels; another region of it may have enough."""

    status = 400
    type = "crop-too-small"
    title = "The crop is too small"
    default_detail = "Choose a larger region of the image."
