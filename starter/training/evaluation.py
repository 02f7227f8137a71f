"""A quick look at the development concepts during training: how often an answer is first, or in the first ten."""

import random

import torch
from torch import Tensor

from starter.composer import Composer
from starter.tokenizer import MOST, WordPieces
from starter.training import phrases
from starter.training.training_images import Query, TrainingImages


def _queries(images: TrainingImages, rng: random.Random) -> dict[str, list[Query]]:
    tasks: dict[str, list[Query]] = {"composed": [], "text": [], "image": [], "swap": []}
    for concept, found in sorted(images.concepts.items()):
        for target in rng.sample(found.products, min(6, len(found.products))):
            kind = str(images.rows[target].kind)
            motif, name = rng.choice(found.motifs), images.art_of(target).names[0]
            other = rng.choice([r for r in found.products if images.rows[r].kind != kind])
            tasks["composed"].append(Query(motif, f"{phrases.article(kind)} with this", concept, kind, None))
            text = f"{phrases.article(kind)} with {phrases.article(name)}"
            tasks["text"].append(Query(None, text, concept, kind, None))
            tasks["image"].append(Query(motif, None, concept, None, None))
            tasks["swap"].append(Query(other, f"this design on {phrases.article(kind)}", concept, kind, None))
    return tasks


def _encode(model: Composer, tokenizer: WordPieces, images: TrainingImages, queries: list[Query]) -> Tensor:
    rows = [query.image for query in queries if query.image is not None]
    ids = mask = None
    if queries[0].text is not None:
        ids, mask, _ = tokenizer.batch([query.text or "" for query in queries], MOST)
    return _blended(model, images, rows, ids, mask) if rows else model(None, ids, mask)


def _blended(
    model: Composer, images: TrainingImages, rows: list[int], ids: Tensor | None, mask: Tensor | None
) -> Tensor:
    return model.blended(images.views(rows).through(model.images), ids, mask)


@torch.inference_mode()
def retrieval_report(model: Composer, tokenizer: WordPieces, images: TrainingImages) -> str:
    """One line: R@1 and R@10 per task over all development products (several styles: harder than the shipped table)."""
    model.eval()
    products = [row for row, image in enumerate(images.rows) if image.kind is not None]
    vectors = torch.cat(
        [_blended(model, images, products[a : a + 128], None, None) for a in range(0, len(products), 128)]
    )
    parts = []
    for task, queries in _queries(images, random.Random(0)).items():
        ranks = []
        found = torch.cat([_encode(model, tokenizer, images, queries[a : a + 64]) for a in range(0, len(queries), 64)])
        for query, scores in zip(queries, found @ vectors.T, strict=True):
            order = [products[k] for k in scores.argsort(descending=True).tolist() if products[k] != query.image]
            good = (query.accepts(images.concept_of(row), images.rows[row]) for row in order)
            ranks.append(next(rank for rank, hit in enumerate(good) if hit))
        hits = [sum(rank < k for rank in ranks) / len(ranks) for k in (1, 10)]
        parts.append(f"{task} {hits[0]:.3f}/{hits[1]:.3f}")
    model.train()
    return "development R@1/R@10: " + "  ".join(parts)
