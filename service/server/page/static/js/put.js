// Sending one product with its image. fetch cannot tell how much was sent, so this is an XMLHttpRequest.
import { keyHeader } from "./api.js";
import { askForKey } from "./key.js";
import { Problem, unreachable } from "./problem.js";
import { ofCatalog } from "./where.js";

/**
 * @param {any} product the JSON of a product
 * @param {File} image
 * @param {(share: number) => void} progress 0…1 of the bytes sent
 * @returns {Promise<any>} the outcome
 * @throws {Problem}
 */
export async function putProduct(product, image, progress) {
  const { status, body, retryAfter } = await send(product, image, progress);
  if (status >= 200 && status < 300) return body.results?.[0];
  const problem = new Problem({ ...body, status }, retryAfter);
  if (status === 401 && (await askForKey(problem.words))) return putProduct(product, image, progress);
  throw problem;
}

/** @param {any} product @param {File} image @param {(share: number) => void} progress */
function send(product, image, progress) {
  const parts = new FormData();
  parts.append("image", image);
  parts.append("product", JSON.stringify(product));
  const call = new XMLHttpRequest();
  call.open("PUT", ofCatalog("/products"));
  for (const [name, value] of Object.entries(keyHeader())) call.setRequestHeader(name, value);
  call.upload.addEventListener("progress", ({ loaded, total }) => progress(total ? loaded / total : 0));
  /** @type {Promise<{status: number, body: any, retryAfter: number|null}>} */
  const answered = new Promise((done, failed) => {
    call.addEventListener("error", () => failed(unreachable()));
    call.addEventListener("load", () => {
      done({ status: call.status, body: parse(call.responseText), retryAfter: Number(call.getResponseHeader("Retry-After")) || null });
    });
  });
  call.send(parts);
  return answered;
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { detail: "The service's answer could not be read. Try again." };
  }
}
