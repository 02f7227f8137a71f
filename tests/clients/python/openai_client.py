"""OpenAI's client: vectors, models, and the words of an error."""

import openai
from common import IMAGE, KEY, MODEL, URL, check_vectors

with openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0) as client:
    answer = client.embeddings.create(model=MODEL, input=["a mug", "a cap"])
    check_vectors([item.embedding for item in answer.data], 2)
    plain = client.embeddings.create(model=MODEL, input=["a mug", IMAGE], encoding_format="float", user="me")
    check_vectors([item.embedding for item in plain.data], 2)
    assert MODEL in [model.id for model in client.models.list()]
    try:
        client.embeddings.create(model="text-embedding-3-small", input="a")
    except openai.BadRequestError as error:
        assert "Name it or withthis" in str(error) and error.code == "invalid-value", error
    else:
        raise AssertionError("another model was taken")
