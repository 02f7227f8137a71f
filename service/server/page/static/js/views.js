// The three views of the page; the address names all but the first.
import { byId, toggle } from "./dom.js";
import { home } from "./where.js";

const VIEWS = ["search", "catalogue", "add"];

/**
 * Wire the tabs.
 * @param {(view: string) => void} shown called for each view that is opened
 * @param {() => string} searchAddress the address of what the view "search" shows
 * @returns {(view: string, push?: boolean) => void} opens a view
 */
export function startViews(shown, searchAddress) {
  const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-view]")]);
  const open = (/** @type {string} */ view, push = true) => {
    const chosen = VIEWS.includes(view) ? view : "search";
    for (const one of VIEWS) toggle(byId(`view-${one}`), one === chosen);
    for (const tab of tabs) {
      if (tab.dataset.view === chosen) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    if (push) history.pushState(null, "", chosen === "search" ? searchAddress() : `${home}?view=${chosen}`);
    shown(chosen);
  };
  for (const tab of tabs) tab.addEventListener("click", () => open(tab.dataset.view ?? "search"));
  return open;
}
