// Storage that may be forbidden (private windows, embedded pages): then nothing is remembered, and nothing breaks.

/** @param {() => Storage} open */
const wrap = (open) => ({
  /** @param {string} name @returns {any} the value, or null */
  read(name) {
    try {
      return JSON.parse(open().getItem(`withthis.${name}`) ?? "null");
    } catch {
      return null;
    }
  },
  /** @param {string} name @param {any} value null removes it */
  write(name, value) {
    try {
      if (value === null) open().removeItem(`withthis.${name}`);
      else open().setItem(`withthis.${name}`, JSON.stringify(value));
    } catch {
      // full or forbidden
    }
  },
});

export const lasting = wrap(() => localStorage);
export const thisTab = wrap(() => sessionStorage);
