"""From products to vectors, in the form of the collection that they go into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from rerank.query import Query
from service.catalog.document_form import DEFAULT_FORM, IMAGE_ONLY, WORDS_ONLY, DocumentForm, Worded
from service.encoders.encoder import Encoder, EncoderInfo
from service.encoders.remote.identity import is_same_model
from service.errors import InvalidValue
from service.stores.store import Store, Vector

NOTHING_TO_EMBED = (
    "A product needs an image, or words that its vector is made of (WITHTHIS_DOCUMENT). Give it in images, or as "
    "multipart parts named image."
)


class Documents:
    """An encoder, and the form in which it sees products. Thread-safe once it is bound."""

    def __init__(self, encoder: Encoder, asked: DocumentForm | None = None) -> None:
        """`asked` None: as the collection was made; for a new one, image and words if the encoder embeds each of them
        alone and both together, else images alone.
        """
        self.encoder = encoder
        self._asked = asked
        self._known_as: str | None = None
        self.form = asked or self._default

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder, under the fingerprint that a collection of this form has."""
        info = self.encoder.info
        return replace(info, fingerprint=self.form.fingerprint(self._known_as or info.fingerprint))

    def bind(self, store: Store, like: tuple[str, str] | None = None) -> None:
        """Take on the form of the store's collection, or create it, in the form of one `like` this of the same encoder.

        Raises:
            EncoderMismatch: it was made by another encoder, or in another form than was asked for.
            StoreUnavailable: the store does not answer.
        """
        built = store.built_by()
        if built is None and like is not None and self._is_own(like[1]):
            built = like
        if self._asked is None:
            self.form = DocumentForm.of(built[1]) if built is not None else self._default
        self.recognize(built)
        store.ensure(self.info)

    def recognize(self, built: tuple[str, str] | None) -> None:
        """Take on the fingerprint of a collection that was built by the same model.

        `built`: as `Store.built_by`. That of a model behind a server is never quite the same.
        """
        if built is not None and self._is_own(built[1]):
            self._known_as = DocumentForm.encoder_of(built[1])

    def document(self, product: Worded, image: Image.Image | None) -> Query:
        """What is encoded of a product. Raises InvalidValue if that is nothing."""
        document = self.form.document(product, image)
        if document is None or (document.image is None and "text" not in self.encoder.info.modalities):
            raise InvalidValue(NOTHING_TO_EMBED)
        return document

    def encode(self, documents: Sequence[Query]) -> Vector:
        """Vectors, float32 [n, dimension], L2-normalized."""
        return self.encoder.encode(documents).vectors

    def are_alike(self, product: Worded, other: Worded) -> bool:
        """Whether two products with the same image have the same vector."""
        return self.form.words(product) == self.form.words(other)

    def _is_own(self, fingerprint: str) -> bool:
        """Whether a collection with this fingerprint was made by this encoder, in whatever form."""
        return is_same_model(DocumentForm.encoder_of(fingerprint), self.encoder.info.fingerprint)

    @property
    def _default(self) -> DocumentForm:
        modalities = self.encoder.info.modalities
        if "image" not in modalities:
            return WORDS_ONLY
        # Where a text is an instruction to an image, as in MagicLens, it has no vector of its own.
        return DEFAULT_FORM if {"text", "composed"} <= modalities else IMAGE_ONLY
