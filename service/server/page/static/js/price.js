// The price range as a slider with two handles, beside the two fields that say the same in numbers.
import { h } from "./dom.js";

const STEPS = 100;

/**
 * @param {{low: number, high: number}} bounds of the catalog's prices
 * @param {HTMLInputElement} from @param {HTMLInputElement} to the fields, which tell what they are told
 * @returns {HTMLElement}
 */
export function priceSlider({ low, high }, from, to) {
  const [least, most] = [Math.floor(low), Math.ceil(high)];
  const step = stepOf(most - least);
  const handle = (/** @type {string} */ name, /** @type {HTMLInputElement} */ field, /** @type {number} */ end) => {
    const value = field.value === "" ? end : Number(field.value);
    const input = h("input", { type: "range", "aria-label": name, min: least, max: most, step, value });
    input.addEventListener("input", () => (field.value = Number(input.value) === end ? "" : input.value));
    input.addEventListener("change", () => field.dispatchEvent(new Event("change")));
    field.addEventListener("input", () => (input.value = field.value === "" ? String(end) : field.value));
    return input;
  };
  const lower = handle("Lowest price", from, least);
  const upper = handle("Highest price", to, most);
  lower.addEventListener("input", () => keep(lower, upper, lower));
  upper.addEventListener("input", () => keep(lower, upper, upper));
  return h("span", { class: "slider" }, h("span", { class: "ends", "aria-hidden": true }, least), h("span", { class: "track" }, lower, upper), h("span", { class: "ends", "aria-hidden": true }, most));
}

/** The handles do not pass each other: the one that is moved stops. @param {any} lower @param {any} upper @param {any} moved */
function keep(lower, upper, moved) {
  if (Number(lower.value) <= Number(upper.value)) return;
  moved.value = moved === lower ? upper.value : lower.value;
  moved.dispatchEvent(new Event("input"));
}

/** A round step: about a hundred of them between the ends. @param {number} span */
function stepOf(span) {
  const power = 10 ** Math.floor(Math.log10(Math.max(span, 1) / STEPS));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => span / step <= STEPS) ?? power;
}
