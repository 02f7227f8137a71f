// One search in two steps.
import { call } from "./api.js";
import { events } from "./events.js";
import { Problem, unreachable } from "./problem.js";
import { request } from "./query.js";
import { ofCatalog } from "./where.js";

/**
 * Ask, and hand out the first order and the final one as they come.
 * @param {import("./query.js").Query} query
 * @param {import("./query.js").Configuration} configuration
 * @param {{retrieved: (answer: any) => void, ranked: (answer: any) => void}} take
 * @param {AbortSignal} signal
 * @throws {Problem}
 */
export async function search(query, configuration, take, signal) {
  const response = await call(ofCatalog("/search/stream"), { method: "POST", ...request(query, configuration), signal });
  let whole = false;
  for await (const { event, data } of received(response, signal)) {
    if (event === "retrieved") take.retrieved(data);
    if (event === "problem") throw new Problem(data);
    if (event === "ranked") take.ranked(data);
    whole ||= event === "ranked";
  }
  if (!whole) throw unreachable(); // the connection ended before the answer did
}

/**
 * The page behind a cursor, in retrieval order.
 * @param {import("./query.js").Query} query
 * @param {import("./query.js").Configuration} configuration
 * @param {string} cursor
 * @param {AbortSignal} signal
 * @throws {Problem}
 */
export async function searchFurther(query, configuration, cursor, signal) {
  return (await call(ofCatalog("/search"), { method: "POST", ...request(query, configuration, cursor), signal })).json();
}

/** @param {Response} response @param {AbortSignal} signal */
async function* received(response, signal) {
  try {
    if (response.body) yield* events(response.body);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof TypeError ? unreachable() : error;
  }
}
