// How far two rankings agree, in a sentence and on the cards.
import { h } from "./dom.js";

/** @param {any} answer @returns {Map<string, number>} product id → place */
const places = (answer) => new Map(answer.results.map((/** @type {any} */ { product, rank }) => [product.id, rank]));

/** @param {any} first @param {any} second two answers */
export function agreement(first, second) {
  const [one, other] = [places(first), places(second)];
  const common = [...one.keys()].filter((id) => other.has(id));
  const same = common.filter((id) => one.get(id) === other.get(id)).length;
  const top = first.results[0]?.product.id === second.results[0]?.product.id ? "the same" : "different";
  return `${common.length} products in both, ${same} in the same place; the first product is ${top}.`;
}

/**
 * Mark on each card of a lane where the product stands in the other one.
 * @param {import("./lane.js").Lane} lane
 * @param {import("./lane.js").Lane} other
 */
export function markPlaces(lane, other) {
  const there = places(other.answer);
  for (const [id, card] of lane.grid.cards) {
    const place = there.get(id);
    const text = place ? `${other.name}: ${place}` : `not in ${other.name}`;
    card.querySelector(".badges")?.append(h("span", { class: "there" }, text));
  }
}
