"""Cohere's client, both interfaces: rerank and embed, with an image, and the words of an error."""

import cohere
from common import DOCUMENTS, IMAGE, KEY, MODEL, QUERY, URL, check_order, check_vectors

first, second = cohere.Client(api_key=KEY, base_url=URL), cohere.ClientV2(api_key=KEY, base_url=URL)
for client in (first, second):
    ranked = client.rerank(model=MODEL, query=QUERY, documents=DOCUMENTS)
    check_order([result.index for result in ranked.results], 3)
    assert ranked.meta.api_version.version in {"1", "2"} and ranked.meta.billed_units.search_units == 1
    best = client.rerank(model=MODEL, query=QUERY, documents=DOCUMENTS, top_n=1)
    check_order([result.index for result in best.results], 1)
if cohere.__version__ < "6":  # later ones rank texts alone
    kept = first.rerank(
        model=MODEL, query=QUERY, documents=[{"text": text} for text in DOCUMENTS], return_documents=True
    )
    assert {result.document.text for result in kept.results} == set(DOCUMENTS)

texts = second.embed(model=MODEL, texts=DOCUMENTS, input_type="search_document", embedding_types=["float"])
check_vectors(texts.embeddings.float_, 3)
image = second.embed(model=MODEL, images=[IMAGE], input_type="image", embedding_types=["float"])
check_vectors(image.embeddings.float_, 1)
content = [{"type": "text", "text": "a mug with this"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
both = second.embed(
    model=MODEL, inputs=[{"content": content}], input_type="search_query", embedding_types=["float"], truncate="END"
)
check_vectors([*both.embeddings.float_, *image.embeddings.float_], 2)
old = first.embed(model=MODEL, texts=DOCUMENTS, input_type="search_document")
check_vectors(old.embeddings, 3)
try:
    second.rerank(model="rerank-v3.5", query=QUERY, documents=DOCUMENTS)
except cohere.BadRequestError as error:
    assert "Name it or withthis" in str(error.body), error
else:
    raise AssertionError("another model was taken")
