"""The caption of the query image: asked once per image, then kept."""

from rerank.caption_cache import CaptionCache, CaptionKey
from rerank.engines.engine import Engine, EngineRequest
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.sanitize import clean_text
from rerank.strategies.prompting import CAPTION_LIMIT, chosen_prompt
from rerank.strategies.trace import Trace

__all__ = ["Captioner"]


class Captioner:
    """Says what a query image shows. PromptError on construction if the engine's caption prompt does not exist."""

    def __init__(self, engine: Engine, prompts: PromptLibrary, cache: CaptionCache | None = None) -> None:
        self.engine = engine
        self.cache = cache if cache is not None else CaptionCache()
        self._prompt = chosen_prompt(prompts, engine.info, "caption", None)

    def caption(self, query: Query, deadline: float | None, trace: Trace) -> str | None:
        """One line, cleaned, from the query or the cache if it is known; None without an image or without words.

        Raises as `Trace.generate`. The caption is put into the trace, too.
        """
        if query.caption is not None:
            trace.caption = query.caption or None
        elif query.image is not None:
            trace.caption = self._known(query) or self._asked(query, deadline, trace)
        return trace.caption

    def _key(self, query: Query) -> CaptionKey | None:
        return CaptionKey(query.image_hash, self._prompt.key, self.engine.info.id) if query.image_hash else None

    def _known(self, query: Query) -> str | None:
        key = self._key(query)
        return self.cache.get(key) if key else None

    def _asked(self, query: Query, deadline: float | None, trace: Trace) -> str | None:
        assert query.image is not None
        prompt, key = self._prompt, self._key(query)
        request = EngineRequest(
            prompt.render(),
            (query.image,),
            max_new_tokens=prompt.max_new_tokens,
            deadline=deadline,
            image_keys=(query.image_hash,),
        )
        with trace.timed("caption"):
            caption = clean_text(trace.generate(self.engine, request).text, CAPTION_LIMIT)
        if key and caption:
            self.cache.put(key, caption)
        return caption or None
