// Light, dark, or as the system says.
import { byId } from "./dom.js";

const NAMES = { "": "Auto", light: "Light", dark: "Dark" };
const ORDER = ["", "light", "dark"];

/** Let the button go through the themes. The value is stored bare, since theme-early.js reads it. */
export function startTheme() {
  const root = document.documentElement;
  const button = byId("theme");
  const show = () => {
    const theme = root.dataset.theme ?? "";
    button.textContent = NAMES[theme] ?? NAMES[""];
    button.setAttribute("aria-label", `Theme: ${button.textContent}. Change it`);
  };
  button.addEventListener("click", () => {
    const next = ORDER[(ORDER.indexOf(root.dataset.theme ?? "") + 1) % ORDER.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    remember(next);
    show();
  });
  show();
}

/** @param {string} theme */
function remember(theme) {
  try {
    if (theme) localStorage.setItem("withthis.theme", theme);
    else localStorage.removeItem("withthis.theme");
  } catch {
    // forbidden; it holds until the page is left
  }
}
