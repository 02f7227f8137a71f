// The other catalogs of the service, where there are some that this key opens.
import { getJson } from "./api.js";
import { byId, h, toggle } from "./dom.js";
import { home } from "./where.js";

/** Show where the other catalogs are. */
export async function showCatalogs() {
  const { catalogs } = await getJson("/v1/catalogs");
  const links = catalogs.map((/** @type {any} */ { name }) => {
    const href = name === "default" ? "/" : `/catalogs/${name}/`;
    return h("a", { href, "aria-current": href === home ? "page" : "false" }, name);
  });
  byId("catalogs").replaceChildren(...links);
  toggle(byId("catalogs"), links.some((/** @type {HTMLElement} */ link) => link.getAttribute("href") !== home));
}
