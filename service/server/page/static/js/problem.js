// Errors in plain words.

/** What the service said, or why it said nothing. */
export class Problem extends Error {
  /** @param {Record<string, any>} document a problem document @param {number|null} [retryAfter] seconds */
  constructor(document, retryAfter = null) {
    const fields = (document.errors ?? []).map((/** @type {any} */ error) => `${error.pointer}: ${error.detail}`);
    super([document.detail ?? document.title, ...fields].join(" "));
    this.title = document.title ?? "Something went wrong";
    this.status = document.status ?? 0;
    this.slug = String(document.type ?? "").split(":").pop() ?? "";
    this.retryAfter = retryAfter;
  }

  /** One sentence for a person, and what to do. */
  get words() {
    return WORDS[this.slug] ?? this.message;
  }
}

/** Where the service's own text speaks to programmers, this one speaks to whoever uses the page. */
const WORDS = {
  "body-too-large": "The picture is too large. Reduce it and try again.",
  "image-too-large": "The picture is too large. Reduce it and try again.",
  "image-too-small": "The picture is too small to see anything on it. Use a larger one.",
  "not-an-image": "This file is not a picture. Use a JPEG, PNG or WebP.",
  "unsupported-image": "Only JPEG, PNG and WebP pictures can be used. Convert this one first.",
  "corrupt-image": "The picture is damaged. Save it again and use the new file.",
  "empty-query": "Type a sentence, choose a picture, or both.",
  "unknown-product": "This product is no longer in the catalogue.",
  "rerank-required": "The reranker failed, and this query allows no answer without it.",
  "scope-missing": "This API key may not do that. Use one with the scope it needs.",
};

/** @param {Response} response one that is not ok */
export async function problemOf(response) {
  const seconds = Number(response.headers.get("Retry-After")) || null;
  try {
    return new Problem(await response.json(), seconds);
  } catch {
    const detail = `The service answered with status ${response.status}. Try again.`;
    return new Problem({ detail, status: response.status }, seconds);
  }
}

/** The network's own failure. */
export const unreachable = () =>
  new Problem({ title: "No connection", detail: "The service cannot be reached. Check that it runs, then try again." });

const DEGRADED = {
  rerank_timeout: "The reranker was not ready in time, so this is the order of retrieval.",
  rerank_error: "The reranker failed, so this is the order of retrieval.",
  rerank_overloaded: "The reranker is busy, so this is the order of retrieval. Try again in a moment.",
  rerank_unusable: "The reranker's answer could not be read, so this is the order of retrieval.",
};

/** @param {string} reason of an answer in retrieval order */
export const degradedWords = (reason) => DEGRADED[reason] ?? "This is the order of retrieval.";
