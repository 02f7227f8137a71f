#!/bin/sh
# Expected: json_contains accepts any number.
#
# Seen with milvus-lite 3.2.2: a negative one is a syntax error; in the list of json_contains_any it is not. A Milvus
# server accepts both. (WithThis uses json_contains_any, service/stores/milvus/filter_compiler.py.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "milvus-lite==3.2.2" "pymilvus==3.0.2"
cd "$folder"
venv/bin/python - 2>/dev/null <<'PYTHON'
from importlib.metadata import version

from pymilvus import DataType, MilvusClient, MilvusException

client = MilvusClient("shop.db")
schema = MilvusClient.create_schema()
schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=20)
schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
schema.add_field("info", DataType.JSON)
index = MilvusClient.prepare_index_params()
index.add_index("vector", index_type="FLAT", metric_type="COSINE")
client.create_collection("shop", schema=schema, index_params=index)
client.insert("shop", [{"id": "freezer", "vector": [1.0, 0.0], "info": {"temperatures": [-18, 4]}}])
print("milvus-lite", version("milvus-lite"))
filters = ['json_contains(info["temperatures"], 4)', 'json_contains_any(info["temperatures"], [-18])']
print([[row["id"] for row in client.query("shop", filter=each, output_fields=["id"])] for each in filters])
try:
    client.query("shop", filter='json_contains(info["temperatures"], -18)', output_fields=["id"])
except MilvusException as error:
    print("json_contains(…, -18):", str(error.message).splitlines()[0])
else:
    raise SystemExit("the finding is gone: json_contains takes a negative number")
finally:
    client.close()
PYTHON
