// What the service read in the sentence, in words: "color red; under 20; without stripes".

const BOUNDS = { lt: "under", lte: "at most", gt: "over", gte: "at least" };

/** @param {any} understood of an answer @returns {string} empty where nothing was read */
export function understoodWords(understood) {
  if (!understood) return "";
  const { boost, filter, excluded, relaxed } = understood;
  const parts = [
    ...Object.entries(boost).map(([name, values]) => `${name} ${/** @type {any[]} */ (values).join(" or ")}`),
    ...Object.entries(BOUNDS).flatMap(([operator, word]) => (filter?.price[operator] === undefined ? [] : [`${word} ${filter.price[operator]}`])),
    ...excluded.map((/** @type {any} */ { text }) => `without ${text}`),
  ];
  const given = relaxed.map((/** @type {string} */ part) => (part === "filter" ? "the price" : "what is not wanted"));
  const read = parts.length ? `Understood: ${parts.join("; ")}.` : "";
  const relaxedWords = given.length ? `Nothing is left with all of it: ${given.join(" and ")} did not count.` : "";
  return [read, relaxedWords].filter(Boolean).join(" ");
}
