// The one place where the page says what went wrong.
import { h, toggle } from "./dom.js";
import { Problem } from "./problem.js";

/** A notice above some part of the page. */
export class Notice {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.timer = 0;
  }

  clear() {
    clearInterval(this.timer);
    toggle(this.element, false);
    this.element.replaceChildren();
  }

  /** @param {string} text @param {"problem"|"hint"} [kind] @param {...Node} more */
  say(text, kind = "problem", ...more) {
    this.clear();
    this.element.className = `notice ${kind}`;
    this.element.append(h("p", {}, text), ...more);
    toggle(this.element, true);
  }

  /** @param {unknown} error @param {() => void} [retry] */
  fail(error, retry) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    if (!(error instanceof Problem)) console.error(error);
    const problem = error instanceof Problem ? error : new Problem({ detail: "The page failed. Load it again." });
    if (problem.status === 429 && retry) this.wait(problem.retryAfter ?? 1, retry);
    else if (retry && (problem.status === 0 || problem.status >= 500)) {
      this.say(problem.words, "problem", h("button", { type: "button", class: "quiet", onclick: retry }, "Try again"));
    } else this.say(problem.words);
  }

  /** Count down, then try again by itself. @param {number} seconds @param {() => void} retry */
  wait(seconds, retry) {
    const now = h("button", { type: "button", class: "quiet", onclick: retry }, "Try now");
    const left = h("span", { class: "countdown", "aria-hidden": true }, `${seconds}`); // a reader would count aloud
    this.say(`The service is busy. Trying again in ${seconds} s.`, "hint", left, now);
    let rest = seconds;
    this.timer = window.setInterval(() => {
      rest -= 1;
      left.textContent = `${rest}`;
      if (rest <= 0) {
        this.clear();
        retry();
      }
    }, 1000);
  }
}
