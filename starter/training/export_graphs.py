"""Writes the graphs of the starter's passes: `python -m starter.training.export_graphs`, after a change of a module.

They hold operations and no weights, so that other weights need no other graphs.
"""

from pathlib import Path

from torch import nn

from service.encoders.compiled.export import export
from service.support.whole_file import READABLE, write_whole
from starter.backbone import Backbone
from starter.composer import Composer, PooledMiniLM
from starter.passes import GRAPHS, example
from starter.tokenizer import WordPieces
from starter.vlm import label_scorer
from starter.vlm.decoder import Decoder
from starter.vlm.label_scorer import LABELS_PASS, LabelScorer
from starter.vlm.vocabulary import Vocabulary

_AXES = {"cells": [{0: "n"}], "tokens": [{0: "n"}], "pool": [{0: "n", 1: "t"}] * 2}


def graphs() -> dict[str, bytes]:
    """The graph of each pass, by its name."""
    composer, backbone = Composer().merge(), Backbone()
    composer.images.take_head(backbone.head)
    modules: dict[str, nn.Module] = {"cells": backbone, "tokens": composer.images, "pool": PooledMiniLM(composer.bert)}
    found = {name: export(module, example(name, 2, 9), _AXES[name]) for name, module in modules.items()}
    scorer = LabelScorer(Decoder(Vocabulary(WordPieces()), composer.bert.embeddings.word_embeddings.weight))
    return {**found, LABELS_PASS: export(scorer, label_scorer.example(20, 3), [{0: "t"}, {0: "c"}])}


def main() -> None:
    """Command line."""
    folder = Path(str(GRAPHS))
    folder.mkdir(exist_ok=True)
    for name, graph in graphs().items():
        write_whole(folder / f"{name}.onnx", graph, mode=READABLE)


if __name__ == "__main__":
    main()
