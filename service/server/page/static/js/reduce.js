// Small copies of images, for links and for the list of recent queries.

import { WHOLE } from "./crop-box.js";

const SIDE = 320;
const QUALITY = 0.8;
const DATA_URI = /^data:(image\/(?:webp|png|jpeg));base64,([A-Za-z0-9+/=]+)$/;

/**
 * An image, or a part of it, as a data URI, at most SIDE pixels long.
 * @param {Blob} image
 * @param {import("./crop-box.js").Crop|null} [crop]
 * @returns {Promise<string>} WebP, or PNG in a browser that cannot write WebP
 */
export async function reduced(image, crop) {
  const bitmap = await createImageBitmap(image);
  return cutOut(bitmap, bitmap.width, bitmap.height, crop ?? WHOLE, SIDE, QUALITY);
}

/**
 * A part of an image as a data URI.
 * @param {CanvasImageSource} image
 * @param {number} across its width in pixels
 * @param {number} down its height
 * @param {import("./crop-box.js").Crop} crop
 * @param {number} side of the part, at most
 * @param {number} quality
 */
export function cutOut(image, across, down, crop, side, quality) {
  const [width, height] = [across * crop.width, down * crop.height];
  const scale = Math.min(1, side / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d")?.drawImage(image, across * crop.x, down * crop.y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", quality);
}

/**
 * @param {string|null} uri from a link: not to be trusted
 * @returns {Blob|null} the image, if it looks like one of ours
 */
export function fromDataUri(uri) {
  const [, type, base64] = DATA_URI.exec(uri ?? "") ?? [];
  if (!type) return null;
  try {
    return new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], { type });
  } catch {
    return null;
  }
}
