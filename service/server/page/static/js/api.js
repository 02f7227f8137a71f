// Calls of the service, each with the key where there is one.
import { apiKey, askForKey } from "./key.js";
import { Problem, problemOf, unreachable } from "./problem.js";

/**
 * Fetch; asks for a key where the service wants one, and tries again with it.
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>} always ok
 * @throws {Problem} what the service says, or that it cannot be reached; AbortError as fetch does
 */
export async function call(path, options = {}) {
  const response = await attempt(path, options);
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && (await askForKey(problem.words))) return call(path, options);
  throw problem;
}

/** @param {string} path @param {RequestInit} options */
async function attempt(path, options) {
  try {
    return await fetch(path, { ...options, headers: { ...options.headers, ...keyHeader() } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
}

/** @returns {Record<string, string>} */
export function keyHeader() {
  const key = apiKey();
  return key ? { "X-API-Key": key } : {};
}

/** @param {string} path @param {AbortSignal} [signal] */
export const getJson = async (path, signal) => (await call(path, { signal })).json();

export { Problem };
