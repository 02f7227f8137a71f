// Elements without HTML strings: whatever comes from the service is only ever text.

/** @param {string} id @returns {any} the element, which the page always has */
export const byId = (id) => document.getElementById(id);

/**
 * Create an element. Properties that begin with "on" are listeners, `class` and `data-…`, `aria-…` are attributes,
 * the others are set as attributes too; null, undefined and false leave one out.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node|string|number|null|undefined|false)} children
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map(asNode));
  return element;
}

const asNode = (/** @type {any} */ child) => (typeof child === "number" ? String(child) : child);

/** Show or hide. @param {HTMLElement} element @param {boolean} shown */
export function toggle(element, shown) {
  element.hidden = !shown;
}

/** Resolves after the next frame was painted. */
export const painted = () =>
  new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
