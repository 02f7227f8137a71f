// A region of an image, in shares of its sides, and what moves it. Nothing here knows of the page.

/** @typedef {{x: number, y: number, width: number, height: number}} Crop as the service takes it */

/** @type {Crop} */
export const WHOLE = Object.freeze({ x: 0, y: 0, width: 1, height: 1 });
/** The least width and height: something that can still be seen and grabbed. */
const LEAST = 0.05;

/** @param {number} value @param {number} least @param {number} most */
const within = (value, least, most) => Math.min(Math.max(value, least), most);

/** @param {Crop} crop @param {number} right @param {number} down @returns {Crop} */
export function moved({ x, y, width, height }, right, down) {
  return { x: within(x + right, 0, 1 - width), y: within(y + down, 0, 1 - height), width, height };
}

/** The same upper left corner. @param {Crop} crop @param {number} wider @param {number} taller @returns {Crop} */
export function resized({ x, y, width, height }, wider, taller) {
  return { x, y, width: within(width + wider, LEAST, 1 - x), height: within(height + taller, LEAST, 1 - y) };
}

/** Between two points. @param {{x: number, y: number}} one @param {{x: number, y: number}} other @returns {Crop} */
export function between(one, other) {
  const [x, width] = span(one.x, other.x);
  const [y, height] = span(one.y, other.y);
  return { x, y, width, height };
}

/** @param {number} from @param {number} to @returns {[number, number]} start and length */
function span(from, to) {
  const [low, high] = [within(Math.min(from, to), 0, 1 - LEAST), within(Math.max(from, to), LEAST, 1)];
  return [low, Math.max(high - low, LEAST)];
}

/** @param {Crop} crop @returns {Crop} as it is sent: four digits, and within the image */
export function rounded({ x, y, width, height }) {
  const four = (/** @type {number} */ value) => Math.round(value * 1e4) / 1e4;
  return { x: four(x), y: four(y), width: Math.min(four(width), 1 - four(x)), height: Math.min(four(height), 1 - four(y)) };
}

/** @param {Crop} crop */
export const isWhole = ({ width, height }) => width > 0.999 && height > 0.999;

/** @param {Crop} crop */
export const toText = ({ x, y, width, height }) => [x, y, width, height].map((value) => Number(value.toFixed(4))).join(",");

/** @param {string|null} text from a link: not to be trusted @returns {Crop|null} */
export function fromText(text) {
  const numbers = (text ?? "").split(",").map(Number);
  const [x, y, width, height] = numbers;
  const sound = text && numbers.length === 4 && numbers.every((value) => value >= 0 && value <= 1);
  return sound && width > 0 && height > 0 && x + width <= 1.0001 && y + height <= 1.0001 ? rounded({ x, y, width, height }) : null;
}
