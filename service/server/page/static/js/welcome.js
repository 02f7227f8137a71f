// What the page shows before the first query.
import { byId } from "./dom.js";
import { examples } from "./examples.js";
import { recents } from "./recent.js";

/**
 * @param {import("./vocabulary.js").Vocabulary} vocabulary
 * @param {(text: string, image: any) => void} use an example
 * @param {(link: string) => void} visit a recent query
 */
export function showWelcome(vocabulary, use, visit) {
  const parts = [examples(vocabulary, use), recents(visit)];
  byId("welcome").replaceChildren(...parts.filter((part) => part !== null));
}
