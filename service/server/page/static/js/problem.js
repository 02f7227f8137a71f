// Errors in plain language.

/** What the service answered, or why it did not. */
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

/** The service's own texts are meant for programmers, these for the people who use the page. */
const WORDS = {
  "body-too-large": "The image is too large. Reduce it and try again.",
  "image-too-large": "The image is too large. Reduce it and try again.",
  "image-too-small": "The image is too small to recognize anything. Use a larger one.",
  "not-an-image": "This file is not an image. Use a JPEG, PNG or WebP.",
  "unsupported-image": "Only JPEG, PNG and WebP images can be used. Convert this one first.",
  "corrupt-image": "The image is damaged. Save it again and use the new file.",
  "empty-query": "Type a sentence, choose an image, or both.",
  "unknown-product": "This product is no longer in the catalog.",
  "rerank-required": "The reranker failed, and this query requires it.",
  "scope-missing": "This API key lacks the required scope. Use another one.",
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
  new Problem({ title: "No connection", detail: "The service cannot be reached. Check that it is running, then try again." });

const DEGRADED = {
  rerank_timeout: "The reranker did not finish in time, so these results are in retrieval order.",
  rerank_error: "The reranker failed, so these results are in retrieval order.",
  rerank_overloaded: "The reranker is busy, so these results are in retrieval order. Try again in a moment.",
  rerank_low_trust: "The reranker has nothing to add here, so these results are in retrieval order.",
  rerank_unusable: "The reranker's answer could not be read, so these results are in retrieval order.",
};

/** @param {string} reason of an answer in retrieval order */
export const degradedWords = (reason) => DEGRADED[reason] ?? "These results are in retrieval order.";
