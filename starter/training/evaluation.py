"""A quick look at the development concepts during training: how often an answer is first, or in the first ten."""

import random

import torch
from torch import Tensor
from transformers import BertTokenizer

from starter.composer import Composer
from starter.training import phrases
from starter.training.training_images import Pictures, Query


def _queries(pictures: Pictures, rng: random.Random) -> dict[str, list[Query]]:
    tasks: dict[str, list[Query]] = {"composed": [], "text": [], "picture": [], "swap": []}
    for concept, found in sorted(pictures.concepts.items()):
        for target in rng.sample(found.products, min(6, len(found.products))):
            kind = str(pictures.rows[target].kind)
            motif, name = rng.choice(found.motifs), pictures.art_of(target).names[0]
            other = rng.choice([r for r in found.products if pictures.rows[r].kind != kind])
            tasks["composed"].append(Query(motif, f"{phrases.article(kind)} with this", concept, kind, None))
            text = f"{phrases.article(kind)} with {phrases.article(name)}"
            tasks["text"].append(Query(None, text, concept, kind, None))
            tasks["picture"].append(Query(motif, None, concept, None, None))
            tasks["swap"].append(Query(other, f"this design on {phrases.article(kind)}", concept, kind, None))
    return tasks


def _encode(model: Composer, tokenizer: BertTokenizer, pictures: Pictures, queries: list[Query]) -> Tensor:
    rows = [query.picture for query in queries if query.picture is not None]
    ids = mask = None
    if queries[0].text is not None:
        encoded = tokenizer([query.text for query in queries], padding=True, return_tensors="pt")
        ids, mask = encoded["input_ids"], encoded["attention_mask"]
    return _blended(model, pictures, rows, ids, mask) if rows else model(None, ids, mask)


def _blended(model: Composer, pictures: Pictures, rows: list[int], ids: Tensor | None, mask: Tensor | None) -> Tensor:
    return model.blended(pictures.views(rows).through(model.images), ids, mask)


@torch.inference_mode()
def retrieval_report(model: Composer, tokenizer: BertTokenizer, pictures: Pictures) -> str:
    """One line: R@1 and R@10 per task over all development products (several styles: harder than the shipped table)."""
    model.eval()
    products = [row for row, picture in enumerate(pictures.rows) if picture.kind is not None]
    vectors = torch.cat(
        [_blended(model, pictures, products[a : a + 128], None, None) for a in range(0, len(products), 128)]
    )
    parts = []
    for task, queries in _queries(pictures, random.Random(0)).items():
        ranks = []
        found = torch.cat(
            [_encode(model, tokenizer, pictures, queries[a : a + 64]) for a in range(0, len(queries), 64)]
        )
        for query, scores in zip(queries, found @ vectors.T, strict=True):
            order = [products[k] for k in scores.argsort(descending=True).tolist() if products[k] != query.picture]
            good = (query.accepts(pictures.concept_of(row), pictures.rows[row]) for row in order)
            ranks.append(next(rank for rank, hit in enumerate(good) if hit))
        hits = [sum(rank < k for rank in ranks) / len(ranks) for k in (1, 10)]
        parts.append(f"{task} {hits[0]:.3f}/{hits[1]:.3f}")
    model.train()
    return "development R@1/R@10: " + "  ".join(parts)
