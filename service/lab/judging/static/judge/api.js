// The few calls of the page. Each answers with JSON or throws a sentence for the judge.

/** @param {string} path @param {RequestInit} [options] */
async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is `withthis judge` still running? What you judged is kept.");
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? `The server answers with ${response.status}.`);
}

/** The scale, the guidelines, and how far the pool is judged. */
export const getPool = () => call("/pool");

/** @param {number} number */
export const getPair = (number) => call(`/pairs/${number}`);

/** @param {number} number @param {number} grade @param {string} note */
export const putGrade = (number, grade, note) =>
  call(`/pairs/${number}/grade`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ grade, note }),
  });

/** @param {number} number */
export const deleteGrade = (number) => call(`/pairs/${number}/grade`, { method: "DELETE" });

/** @param {number} number @param {"query"|"product"} side */
export const imageUrl = (number, side) => `/pairs/${number}/image?side=${side}`;
