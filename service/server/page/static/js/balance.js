// How much the words count beside the image, where the encoder adds them up.
import { byId, toggle } from "./dom.js";

/** A slider, shown only where it has an effect. */
export class Balance {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.input = byId("balance");
    this.label = byId("balance-label");
    /** @type {number|null} the share of the words; null: as the service is set */
    this.share = null;
    this.input.addEventListener("input", () => this.set(Number(this.input.value)));
    this.input.addEventListener("change", onChange);
  }

  /** @param {number|null} share */
  set(share) {
    this.share = share;
    this.input.value = String(share ?? 0.5);
    const words = share === null ? "as the service is set" : `${Math.round(share * 100)} % words, ${Math.round((1 - share) * 100)} % image`;
    this.input.setAttribute("aria-valuetext", words);
  }

  /** @param {boolean} shown */
  show(shown) {
    toggle(this.label, shown);
  }
}
