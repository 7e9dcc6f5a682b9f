// Signing keys: Ed25519, one for each enterprise, made in this browser and never leaving it. The browser keeps them in IndexedDB
// as objects whose private half no script can read.

import { encode, fromBase64url, sha256, toBase64url } from './bytes.js';

/** @typedef {{ crv: string, kty: string, x: string }} PublicJwk */
/** @typedef {{ jwk: PublicJwk, thumbprint: string, sign: (message: Uint8Array<ArrayBuffer>) => Promise<Uint8Array> }} Key */

const STORE = 'keys';

/** RFC 7638. @param {PublicJwk} jwk */
export const thumbprintOf = async ({ x }) =>
  toBase64url(await sha256(encode(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)));

/**
 * Thirty digits of a key, for two people to compare: the first six times four bytes of its thumbprint, big-endian, each modulo 100,000.
 * @param {string} thumbprint
 */
export function numberOf(thumbprint) {
  const view = new DataView(fromBase64url(thumbprint).buffer);
  const groups = [0, 4, 8, 12, 16, 20].map((at) => String(view.getUint32(at) % 100_000).padStart(5, '0'));
  return groups.join(' ');
}

/** Whether the browser can make such keys. */
export async function areSupported() {
  try {
    await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
    return 'indexedDB' in globalThis && 'credentials' in navigator && 'PublicKeyCredential' in globalThis;
  } catch {
    return false;
  }
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('grantbook', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} act @returns {Promise<T>}
 */
async function within(mode, act) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: 'strict' });
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** @param {CryptoKey} key @param {PublicJwk} jwk @returns {Promise<Key>} */
const asKey = async (key, jwk) => ({
  jwk,
  thumbprint: await thumbprintOf(jwk),
  sign: async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', key, message)),
});

/** Makes a key, to be kept once it is known for which enterprise. */
export async function draft() {
  const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']));
  const { x } = await crypto.subtle.exportKey('jwk', pair.publicKey);
  const jwk = { crv: 'Ed25519', kty: 'OKP', x: /** @type {string} */ (x) };
  const key = await asKey(pair.privateKey, jwk);
  /** @param {string} tenant */
  const keep = async (tenant) => {
    await within('readwrite', (store) => store.put({ key: pair.privateKey, jwk }, `${tenant}/${key.thumbprint}`));
    // asks that the browser not clear it when space runs short; it may say no
    await navigator.storage?.persist?.().catch(() => false);
    return key;
  };
  return { thumbprint: key.thumbprint, keep };
}

/**
 * Makes a key for an enterprise and keeps it before anybody is told of it.
 *
 * @param {string} tenant
 */
export const make = async (tenant) => (await draft()).keep(tenant);

/** The thumbprints of all keys of this browser. */
export async function thumbprints() {
  const names = await within('readonly', (store) => store.getAllKeys());
  return names.map((name) => String(name).split('/').pop() ?? '');
}

/**
 * The key of this browser at an enterprise that is among those that may sign; null where there is none.
 * @param {string} tenant @param {string[]} enrolled thumbprints
 * @returns {Promise<Key | null>}
 */
export async function find(tenant, enrolled) {
  for (const thumbprint of enrolled) {
    const kept = await within('readonly', (store) => store.get(`${tenant}/${thumbprint}`));
    if (kept) return asKey(kept.key, kept.jwk);
  }
  return null;
}
