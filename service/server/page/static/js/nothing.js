// What to do if nothing was found: asks the catalog which filter excludes everything.
import { each } from "./conditions.js";
import { h } from "./dom.js";
import { filterOf, noConditions } from "./query.js";
import { listProducts } from "./survey.js";

/**
 * @param {import("./filters.js").Filters} filters
 * @param {import("./notice.js").Notice} notice
 * @param {AbortSignal} signal
 * @param {string[]} [notices] what the service says of the filter
 */
export async function explainNothing(filters, notice, signal, notices = []) {
  const parts = each(filters.conditions);
  if (!parts.length) return notice.say("The catalog has nothing for this query. If it is empty, add products first.", "hint");
  const helps = await Promise.all(parts.map(({ without }) => some(without, signal)));
  const culprits = parts.filter((_, place) => helps[place]);
  const drop = (/** @type {string} */ words, /** @type {any} */ conditions) =>
    h("button", { type: "button", class: "quiet", onclick: () => filters.replace(conditions) }, words);
  const buttons = culprits.length
    ? culprits.map(({ words, without }) => drop(`Remove “${words}”`, without))
    : [drop("Clear filters", noConditions())];
  notice.say([sentence(parts, culprits), ...notices.map(plain)].join(" "), "hint", ...buttons);
}

/** @param {any[]} parts @param {any[]} culprits */
function sentence(parts, culprits) {
  if (!culprits.length) return "No product matches these filters, even without any one of them.";
  if (parts.length === 1) return `No product matches the filter “${parts[0].words}”.`;
  const names = culprits.map(({ words }) => `“${words}”`).join(" or ");
  return `No product matches all ${parts.length} filters. Without ${names}, some do.`;
}

/** @param {string} notice */
const plain = (notice) => notice.replace(/^filter: t/, "T").replace(/^filter: n/, "N");

/** Whether any product passes. @param {import("./query.js").Conditions} conditions @param {AbortSignal} signal */
async function some(conditions, signal) {
  const filter = filterOf(conditions) ?? undefined;
  return (await listProducts({ limit: 1, filter }, signal)).products.length > 0;
}
