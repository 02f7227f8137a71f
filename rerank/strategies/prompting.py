"""Choice of the prompt, and the values of its placeholders: untrusted text, all of it sanitized."""

from collections.abc import Sequence

from rerank.candidates import Candidate
from rerank.engines.engine import EngineInfo
from rerank.errors import LayoutError, PromptError
from rerank.labels import labels
from rerank.prompts import Prompt, PromptLibrary, Task
from rerank.query import Query
from rerank.sanitize import clean_text

__all__ = [
    "CAPTION_LIMIT",
    "INSTRUCTION_LIMIT",
    "TITLE_LIMIT",
    "chosen_prompt",
    "described",
    "match_values",
    "rank_values",
]

INSTRUCTION_LIMIT, CAPTION_LIMIT, TITLE_LIMIT, FACT_LIMIT = 500, 300, 160, 60
"""Characters of the shopper's words, of a caption, of each title and of each fact that a prompt holds."""
_MOST_VALUES = 8


def chosen_prompt(prompts: PromptLibrary, info: EngineInfo, task: Task, name: str | None) -> Prompt:
    """The named prompt, or the engine's own where `name` is None.

    Raises:
        PromptError: there is no such prompt, or it is for another task.
        LayoutError: its images are laid out in another way than the engine takes them.
    """
    own = info.prompts.get(task, "")
    prompt = prompts.get(own if name is None else name)
    if prompt.task != task:
        raise PromptError(f"{prompt.key} is a {prompt.task} prompt, a {task} prompt is needed")
    # One product and the query are two images: an engine that ranks a panel may still compare them in one call.
    layout = info.layout if task == "rank" else prompts.get(own).layout
    if prompt.layout != layout:
        raise LayoutError(f"{prompt.key} is for layout {prompt.layout}, engine {info.id} takes {layout}")
    return prompt


def rank_values(
    query: Query, shown: Sequence[Candidate], caption: str | None, facts: Sequence[str] = ()
) -> dict[str, str]:
    """The placeholders of a rank prompt: one line a candidate, so that a title cannot forge another."""
    named = zip(labels(len(shown)), shown, strict=True)
    return {
        **_query_values(query, caption),
        "candidates": "\n".join(f"{label}: {described(one, facts)}" for label, one in named),
        "labels": ", ".join(labels(len(shown))),
    }


def match_values(query: Query, candidate: Candidate, caption: str | None, facts: Sequence[str] = ()) -> dict[str, str]:
    """The placeholders of a match prompt."""
    return {**_query_values(query, caption), "title": described(candidate, facts)}


def _query_values(query: Query, caption: str | None) -> dict[str, str]:
    """The shopper's words, behind an instruction if the caller gave one."""
    said = [clean_text(one, INSTRUCTION_LIMIT) for one in (query.instruction, query.text) if one]
    return {"instruction": " ".join(said), "caption": caption or ""}


def described(candidate: Candidate, facts: Sequence[str], limit: int = TITLE_LIMIT) -> str:
    """The title, and behind it the facts that the candidate has: "Blue mug (category: mug; price: 12.5)"."""
    title = clean_text(candidate.title, limit)
    known = [(name, _said(candidate.facts.get(name))) for name in facts]
    said = "; ".join(f"{name}: {value}" for name, value in known if value)
    return f"{title} ({said})" if said else title


def _said(value: object) -> str:
    """A fact as a clean text; empty where there is none."""
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value[:_MOST_VALUES]))
    return "" if value is None else clean_text(str(value), FACT_LIMIT)
