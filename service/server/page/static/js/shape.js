// How the answer is arranged: sorted by a number, grouped by an attribute.
import { byId, h, toggle } from "./dom.js";
import { label } from "./conditions.js";

/** The orders that are offered, by what stands for them in addresses. */
const ORDERS = new Map([
  ["", "relevance"],
  ["price:asc", "price, low to high"],
  ["price:desc", "price, high to low"],
  ["updated_at:desc", "newest"],
]);
const MOST_GROUPS = 12;

/** @param {string|null} text of an address */
export const orderOf = (text) => (ORDERS.has(text ?? "") ? text ?? "" : "");

/** @param {{sort?: string, group?: string}} query @returns {object} the fields of the request */
export function shapeBody({ sort, group }) {
  const [field, order] = (sort ?? "").split(":");
  return { ...(sort && { sort: [{ field, order }] }), ...(group && { group_by: { field: group } }) };
}

/** What the answer was made of, if that is not all that matches. @param {any} answer @returns {string} */
export function shapeWords({ sorted, grouped, rules }) {
  const best = sorted ?? grouped;
  const made = [sorted && "sorted", grouped && "grouped"].filter(Boolean).join(" and ");
  const window = best && !best.complete ? `The ${best.window} best-matching products are ${made}; more match.` : "";
  const ruled = rules?.length ? `Rules applied: ${rules.join(", ")}.` : "";
  return [window, ruled].filter(Boolean).join(" ");
}

/** The two selects of the bar. */
export class Shape {
  /** @param {import("./vocabulary.js").Vocabulary} vocabulary @param {() => void} onChange */
  constructor(vocabulary, onChange) {
    this.vocabulary = vocabulary;
    this.sorts = byId("sort");
    this.groups = byId("group");
    this.sorts.replaceChildren(...[...ORDERS].map(([value, words]) => h("option", { value }, words)));
    this.offer("");
    for (const select of [this.sorts, this.groups]) select.addEventListener("change", onChange);
    vocabulary.listeners.add(() => this.offer(this.group));
  }

  get sort() {
    return this.sorts.value;
  }

  get group() {
    return this.groups.value;
  }

  /** @param {string} sort @param {string} group */
  set(sort, group) {
    this.sorts.value = sort;
    this.offer(group);
  }

  /** Attributes that several products share; somebody may be choosing among them. @param {string} chosen */
  offer(chosen) {
    const names = [...new Set([...(chosen ? [chosen] : []), ...this.vocabulary.shared.slice(0, MOST_GROUPS)])];
    const listed = [...this.groups.options].map(({ value }) => value).join();
    toggle(byId("group-label"), names.length > 0);
    if (listed === ["", ...names].join() && this.group === chosen) return;
    if (document.activeElement === this.groups && this.group === chosen) return;
    const options = names.map((name) => h("option", { value: name, selected: name === chosen }, label(`attributes.${name}`)));
    this.groups.replaceChildren(h("option", { value: "" }, "nothing"), ...options);
  }
}
