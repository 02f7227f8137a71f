"""The body of a chat completion.

The text comes first and the images after it: servers cache the computed prefix of a prompt by blocks of tokens, and
the start of our templates is the same for every query, while images never are. (vLLM puts the images of Phi-3
Vision in front by itself, as that model was trained.)

What a user typed must not become a special token. Values were cleaned before they met the template; here what is left
of the usual spelling `<|…|>` is taken apart as well. Beyond that it is the server that turns messages into tokens, with
its chat template, and nothing in this protocol can mark a text as data: other spellings (`[INST]`, `</s>`) are up to
the cleaning in `rerank.sanitize`, which leaves no bracket in a value.
"""

from collections.abc import Mapping, Sequence

from rerank.engines.engine import EngineRequest

__all__ = ["TOP_LOGPROBS", "chat_body", "first_label_body"]

TOP_LOGPROBS = 20
"""Alternatives requested at the first label: the most that OpenAI gives, and vLLM by default."""


def chat_body(model: str, request: EngineRequest, uris: Sequence[str]) -> dict[str, object]:
    """One request as a body; `uris` are its images as data URIs. Greedy: same question, same answer."""
    text = {"type": "text", "text": _defused(request.prompt)}
    images = [{"type": "image_url", "image_url": {"url": uri}} for uri in uris]
    return {
        "model": model,
        "messages": [{"role": "user", "content": [text, *images]}],
        "max_tokens": request.max_new_tokens,
        "temperature": 0.0,
        "stream": False,
    }


def first_label_body(model: str, request: EngineRequest, uris: Sequence[str]) -> dict[str, object]:
    """A body that asks, in vLLM's dialect, for one token: the first label, and how likely the others were.

    What precedes the label in an answer is prefilled, as a last message that the model continues.
    """
    body = chat_body(model, request, uris)
    body |= {"max_tokens": 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
    if not request.answer_prefix:
        return body
    started = {"role": "assistant", "content": request.answer_prefix}
    messages = [*_messages(body), started]
    return body | {"messages": messages, "continue_final_message": True, "add_generation_prompt": False}


def _messages(body: Mapping[str, object]) -> list[object]:
    messages = body["messages"]
    assert isinstance(messages, list)
    return messages


def _defused(prompt: str) -> str:
    """The prompt without the marks of chat tokens. Templates have none: if one occurs, a user typed it."""
    return prompt.replace("<|", "‹|").replace("|>", "|›")
