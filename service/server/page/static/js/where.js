// Which catalog this page is about: `/catalogs/shoes/` is about shoes, `/` about the default one.
const name = /^\/catalogs\/([^/]+)\/?$/.exec(location.pathname)?.[1];

/** The address of this page. */
export const home = name ? `/catalogs/${name}/` : "/";

/** The name under which something of this catalog is remembered. @param {string} kind */
export const own = (kind) => (name ? `${kind}.${name}` : kind);

/** The path of something in this catalog. @param {string} path behind that of the catalog, such as "/search" */
export const ofCatalog = (path) => `/v1${name ? `/catalogs/${name}` : ""}${path}`;
