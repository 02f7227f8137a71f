// The search page: where its parts meet. Everything that comes from the service is written as text, never as HTML.
import { getJson } from "./api.js";
import { Catalog } from "./catalog.js";
import { keepPage } from "./drop.js";
import { startKey } from "./key.js";
import { startKeyboard } from "./keyboard.js";
import { SearchView } from "./search-view.js";
import { survey } from "./survey.js";
import { showCatalogs } from "./switch.js";
import { startTheme } from "./theme.js";
import { Upload } from "./upload.js";
import { startViews } from "./views.js";
import { Vocabulary } from "./vocabulary.js";
import { home, ofCatalog } from "./where.js";

/** @type {HTMLAnchorElement} */ (document.querySelector(".brand")).href = home;
startTheme();
startKey();
startKeyboard();
keepPage();

const vocabulary = new Vocabulary();
const search = new SearchView(vocabulary, () => open("search"));
const catalog = new Catalog(vocabulary, {
  like: (product) => search.like(product),
  open: (products, id) => search.sheet.browse(products, id),
});
new Upload((product) => vocabulary.learn([{ category: null, attributes: {}, ...product }]));

const open = startViews(
  (view) => {
    if (view === "catalogue") void catalog.load();
  },
  () => search.address,
);

/** What the address names: a view, or a query. */
async function route() {
  const view = new URLSearchParams(location.search).get("view") ?? "search";
  open(view, false);
  if (view === "search") await search.open(location);
}

async function learn() {
  await showCatalogs();
  search.know(await getJson(ofCatalog("/search/options")));
  await survey(vocabulary);
  search.suggest();
}

addEventListener("popstate", () => void route());
void route();
learn().catch((error) => search.notice.fail(error, () => void learn()));
