"""Making what was written quick to search, which is no part of writing it."""

import logging

from service.errors import StoreUnavailable
from service.stores.store import Store

logger = logging.getLogger(__name__)


def settle(store: Store, at_least: int = 0) -> None:
    """Index what was written, if there are so many rows. They are safe and found without it, so a change has succeeded
    even if this fails.
    """
    try:
        store.settle(at_least)
    except StoreUnavailable:
        logger.warning("changed products could not be moved into the index; searches keep working", exc_info=True)
