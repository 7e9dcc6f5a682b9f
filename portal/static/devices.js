// Marks the device that this browser is: the one with a key that is kept here. Reads names of keys, never a key.

/** @returns {Promise<IDBValidKey[]>} */
const kept = () =>
  new Promise((resolve) => {
    const open = indexedDB.open('grantbook', 1);
    // nothing was ever kept here: the signing page makes the store when it first needs it
    open.onupgradeneeded = () => open.transaction?.abort();
    open.onerror = () => resolve([]);
    open.onsuccess = () => {
      const names = open.result.transaction('keys').objectStore('keys').getAllKeys();
      names.onerror = () => resolve([]);
      names.onsuccess = () => {
        open.result.close();
        resolve(names.result);
      };
    };
  });

kept().then((names) => {
  for (const device of document.querySelectorAll('[data-keys]')) {
    const its = (device.getAttribute('data-keys') ?? '').split(' ');
    const badge = device.querySelector('[data-this]');
    if (badge instanceof HTMLElement && its.some((name) => names.includes(name))) badge.hidden = false;
  }
});
