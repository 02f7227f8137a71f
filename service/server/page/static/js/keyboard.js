// Keys that work everywhere on the page.
import { byId } from "./dom.js";

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/** "/" goes to the sentence, arrows go from product to product. */
export function startKeyboard() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "/" && !target.matches("input, select, textarea") && !byId("view-search").hidden) {
      event.preventDefault();
      byId("text").focus();
    }
    if (target.matches(".shot")) among(event, target);
  });
}

/** @param {KeyboardEvent} event @param {HTMLElement} shot */
function among(event, shot) {
  const shots = /** @type {HTMLElement[]} */ ([...(shot.closest(".cards")?.querySelectorAll(".shot") ?? [])]);
  const columns = shots.filter((one) => sameRow(one, shots[0])).length;
  const step = STEPS[event.key] ?? { ArrowDown: columns, ArrowUp: -columns }[event.key];
  const next = step && shots[shots.indexOf(shot) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** Where a card will come to rest; it may be on its way there. @param {Element} shot */
const top = (shot) => /** @type {HTMLElement} */ (shot.closest(".card")).offsetTop;

/** @param {Element} one @param {Element} other */
const sameRow = (one, other) => top(one) === top(other);
