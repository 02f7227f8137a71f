// Things that change place move there, so that the eye can follow (FLIP: first, last, invert, play).

const MS = 600;
const EASING = "cubic-bezier(.2, .75, .2, 1)";

/** @returns {boolean} whether this person asked for stillness */
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * @param {Element[]} elements those that may move
 * @param {() => void} change moves them in the document
 */
export function flip(elements, change) {
  if (still()) {
    change();
    return;
  }
  const before = new Map(elements.map((element) => [element, element.getBoundingClientRect()]));
  change();
  for (const [element, from] of before) {
    const to = element.getBoundingClientRect();
    const [x, y] = [from.left - to.left, from.top - to.top];
    if (!element.isConnected || (x === 0 && y === 0)) continue;
    element.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], { duration: MS, easing: EASING });
  }
}
