"""Prompt templates: the shipped ones hold, broken ones are refused with file and field."""

from pathlib import Path

import pytest

from rerank.errors import PromptError
from rerank.parser import parse_ranking
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault

VALUES = {"instruction": "a mug with this", "caption": "a leopard", "candidates": "A: mug", "labels": "A"}
VALUES |= {"title": "blue mug", "description": "It is blue.", "scale": "0: Irrelevant.", "guidelines": "Be strict."}

GOOD = """
id: rank-test
version: 1
task: rank
layout: panel
purpose: For tests.
placeholders: [instruction]
output: json-ranking
max_new_tokens: 10
template: 'Rank for {instruction} as {"ranking": []}'
"""


def library(folder: Path, **files: str) -> PromptLibrary:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return PromptLibrary.load(folder)


def test_the_shipped_prompts_load_and_render() -> None:
    prompts = PromptLibrary.load()
    keys = {prompt.key for prompt in prompts}
    assert keys >= {"caption@1", "rank-panel@2", "rank-images@2", "caption-starter@1", "rank-starter@1"}
    assert keys >= {"match@2", "match-panel@2", "rank-panel-brief@1", "rank-images-brief@1", "caption-motif@1"}
    for prompt in prompts:
        text = prompt.render(**VALUES)
        assert all(VALUES[name] in text for name in prompt.placeholders)
        assert "<|" not in text, "chat tokens belong to the engine"


def test_a_model_that_repeats_a_shipped_prompt_has_ranked_nothing() -> None:
    for prompt in PromptLibrary.load():
        assert parse_ranking(prompt.render(**VALUES), 9).fault is Fault.REFUSAL


def test_every_task_and_layout_has_wordings_to_compare() -> None:
    large = [prompt for prompt in PromptLibrary.load() if "starter" not in prompt.id]
    found: list[tuple[str, str]] = [(prompt.task, prompt.layout) for prompt in large]
    twice = [("caption", "image"), ("rank", "panel"), ("rank", "images")]
    assert [found.count(kind) for kind in twice] == [2, 2, 2]
    assert {("match", "panel"), ("match", "images")} <= set(found)


def test_a_match_prompt_offers_the_two_answers_in_their_order() -> None:
    for prompt in PromptLibrary.load():
        if prompt.task == "match":
            text = prompt.render(**VALUES)
            assert 0 < text.index("\nA. Match\n") < text.index("\nB. Mismatch\n")


def test_the_brief_prompts_begin_with_what_is_always_the_same() -> None:
    for name in ("rank-panel-brief", "rank-images-brief"):
        template = PromptLibrary.load().get(name).template
        first = template.index("{instruction}")
        assert "JSON" in template[:first] and all(template.index(mark) > first for mark in ("{candidates}", "{labels}"))


def test_the_starter_reads_the_bare_sentence() -> None:
    prompts = PromptLibrary.load()
    assert prompts.get("rank-starter").render(**VALUES) == VALUES["instruction"]
    assert prompts.get("caption-starter").render() == ""


def test_only_named_braces_are_placeholders(tmp_path: Path) -> None:
    prompt = library(tmp_path, a=GOOD).get("rank-test")
    assert prompt.render(instruction="x") == 'Rank for x as {"ranking": []}'


def test_values_are_not_expanded_again(tmp_path: Path) -> None:
    prompt = library(tmp_path, a=GOOD).get("rank-test")
    assert prompt.render(instruction="{instruction} {caption}").startswith("Rank for {instruction} {caption} as")


def test_the_highest_version_is_the_default(tmp_path: Path) -> None:
    prompts = library(tmp_path, a=GOOD.replace("version: 1", "version: 10"), b=GOOD, c=GOOD.replace("n: 1", "n: 9"))
    assert prompts.get("rank-test").key == "rank-test@10"
    assert prompts.get("rank-test@1").version == 1


@pytest.mark.parametrize("name", ["nothing", "rank-test@2", "", "x" * 1000])
def test_unknown_prompts_are_named_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(PromptError, match="known are rank-test@1") as caught:
        library(tmp_path, a=GOOD).get(name)
    assert len(str(caught.value)) < 200


def test_a_missing_value_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="rank-test@1: no value for instruction"):
        library(tmp_path, a=GOOD).get("rank-test").render(caption="a leopard")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("placeholders: [instruction]", "placeholders: [instruction, caption]", "broken.yaml: placeholders: declared"),
        ("{instruction}", "{instruction} {labels}", "broken.yaml: placeholders: declared"),
        ("placeholders: [instruction]", "placeholders: [price]", r"broken.yaml: placeholders\.0"),
        ("task: rank", "task: sort", "broken.yaml: task"),
        ("layout: panel", "layout: image", "broken.yaml: layout: a rank prompt takes images or panel"),
        ("output: json-ranking", "output: caption", "broken.yaml: output: a rank prompt gives json-ranking"),
        ("task: rank", "task: match", "broken.yaml: output: a match prompt gives match-letter"),
        ("version: 1", "version: 0", "broken.yaml: version"),
        ("id: rank-test", "id: Rank Test", "broken.yaml: id"),
        ("purpose: For tests.", "", "broken.yaml: purpose"),
        ("purpose:", "color: red\npurpose:", "broken.yaml: color"),
        ("id: rank-test", "id: [", "broken.yaml: not YAML"),
        ("{instruction}", "it", "broken.yaml: placeholders"),
    ],
)
def test_broken_prompts_name_file_and_field(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    with pytest.raises(PromptError, match=complaint):
        library(tmp_path, broken=GOOD.replace(old, new))


def test_a_rank_prompt_needs_the_instruction(tmp_path: Path) -> None:
    text = GOOD.replace("{instruction}", "it").replace("[instruction]", "[]")
    with pytest.raises(PromptError, match="a rank prompt needs"):
        library(tmp_path, broken=text)


@pytest.mark.parametrize("text", ["", "- a list", "just words"])
def test_other_yaml_is_no_prompt(tmp_path: Path, text: str) -> None:
    with pytest.raises(PromptError, match=r"broken\.yaml"):
        library(tmp_path, broken=text)


def test_two_files_cannot_define_one_prompt(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"b\.yaml: id, version: rank-test@1 is already defined"):
        library(tmp_path, a=GOOD, b=GOOD)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="cannot be read"):
        PromptLibrary.load(tmp_path / "nowhere")


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PromptError, match=r"broken\.yaml: not YAML"):
        PromptLibrary.load(tmp_path)
