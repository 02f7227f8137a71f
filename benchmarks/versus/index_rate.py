"""Run in either checkout: images a second of bulk ingest, of the second of two runs.

The names are those that both checkouts' `benchmarks.ingest` have.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import ingest
from service.settings import load_settings

bench: Any = ingest  # whose imports both checkouts have, from different places
settings = load_settings()
encoder = bench.load_encoder(settings)
small, large = map(Path, sys.argv[1:3])
bench.whole(small, encoder, settings, 1)
print(json.dumps({"indexing": bench.whole(large, encoder, settings, 1)}))
