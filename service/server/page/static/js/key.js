// The API key: asked for only where the service wants one, kept in this tab alone.
import { byId, toggle } from "./dom.js";
import { thisTab } from "./storage.js";

const WHY = "Only needed if this service has API keys.";
/** @type {Promise<boolean>|null} the question that is open now: many calls may fail at once */
let asking = null;

/** @returns {string|null} */
export const apiKey = () => thisTab.read("key");

/**
 * Ask for a key.
 * @param {string} why
 * @returns {Promise<boolean>} whether one was given
 */
export function askForKey(why) {
  asking ??= ask(why).finally(() => (asking = null));
  return asking;
}

/** @param {string} why @returns {Promise<boolean>} */
function ask(why) {
  const dialog = byId("key-dialog");
  const field = byId("key-value");
  byId("key-why").textContent = why;
  toggle(byId("key-forget"), apiKey() !== null);
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  field.focus();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(keep(dialog.returnValue, field)), { once: true });
  });
}

/** @param {string} outcome @param {HTMLInputElement} field */
function keep(outcome, field) {
  const given = field.value.trim();
  field.value = "";
  if (outcome === "forget") thisTab.write("key", null);
  if (outcome === "use" && given) thisTab.write("key", given);
  return outcome === "use" && given !== "";
}

/** Wire the button in the header and the dialog. */
export function startKey() {
  const dialog = byId("key-dialog");
  byId("key").addEventListener("click", () => askForKey(WHY));
  byId("key-forget").addEventListener("click", () => dialog.close("forget"));
  byId("key-form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    dialog.close("use");
  });
}
