// Reading of objects that may have no member but those that are shown.

/** Refuses members that are unknown, and with them what could be hidden. @param {any} value @param {string[]} members */
export function only(value, members) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('expected an object');
  const unknown = Object.keys(value).find((name) => !members.includes(name));
  if (unknown !== undefined) throw new Error(`unknown member ${unknown}`);
  return value;
}
