"""Prompt templates as data: one YAML file a prompt, checked on load by `rerank.prompts`.

Fields: id, version, task (caption, rank, match, relevance), layout (image, panel, images), purpose, placeholders,
facts, output (caption, json-ranking, match-letter, relevance), max_new_tokens, template. `{name}` in a template is a
placeholder; other braces are text.
A changed wording is a new version, so that a recorded answer can name exactly what was asked. A name without a version
means the highest one, so a wording that is to be compared with the one in use gets an id of its own (rank-panel-brief).
"""
