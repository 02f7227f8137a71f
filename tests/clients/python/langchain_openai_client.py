"""LangChain with OpenAI: embeddings of texts; tokens, which it sends by default, are refused with the way out."""

import openai
from common import DOCUMENTS, KEY, MODEL, QUERY, URL, check_vectors
from langchain_openai import OpenAIEmbeddings

embeddings = OpenAIEmbeddings(model=MODEL, base_url=f"{URL}/v1", api_key=KEY, check_embedding_ctx_length=False)
check_vectors(embeddings.embed_documents([*DOCUMENTS * 200, QUERY])[-2:], 2)
check_vectors([embeddings.embed_query(QUERY)], 1)
# The default mode counts tokens with tiktoken's table of cl100k_base, which it downloads; this is what it then sends.
with openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0) as client:
    try:
        client.embeddings.create(model=MODEL, input=[[64, 2579, 45156]])
    except openai.BadRequestError as error:
        assert "check_embedding_ctx_length=False" in str(error), error
    else:
        raise AssertionError("tokens were taken")
