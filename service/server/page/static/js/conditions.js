// The conditions of a query one by one: what each is called, and what is left without it.

/** @typedef {import("./query.js").Conditions} Conditions */

/** @param {string} name of a facet */
export function label(name) {
  const plain = name.replace(/^attributes\./, "");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/**
 * @param {Conditions} conditions
 * @returns {{words: string, without: Conditions}[]}
 */
export function each(conditions) {
  const { category, min, max, attributes } = conditions;
  const parts = [];
  if (category) parts.push({ words: `Category: ${category}`, without: { ...conditions, category: "" } });
  if (min !== null) parts.push({ words: `Price from ${min}`, without: { ...conditions, min: null } });
  if (max !== null) parts.push({ words: `Price to ${max}`, without: { ...conditions, max: null } });
  for (const [name, value] of Object.entries(attributes)) {
    const { [name]: _, ...others } = attributes;
    parts.push({ words: `${label(`attributes.${name}`)}: ${value}`, without: { ...conditions, attributes: others } });
  }
  return parts;
}
