// Small copies of images, for links and for the list of recent queries.

const SIDE = 320;
const QUALITY = 0.8;
const DATA_URI = /^data:(image\/(?:webp|png|jpeg));base64,([A-Za-z0-9+/=]+)$/;

/**
 * An image as a data URI, at most SIDE pixels long.
 * @param {Blob} image
 * @returns {Promise<string>} WebP, or PNG in a browser that cannot write WebP
 */
export async function reduced(image) {
  const bitmap = await createImageBitmap(image);
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", QUALITY);
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
