// Recovery codes: docs/spec/event.md, section "Recovery". A code is made, shown and used here; it goes nowhere.

import { concat, encode, random, sha256, toBase64url } from './bytes.js';
import { thumbprintOf } from './keys.js';

/** @typedef {{ secret: Uint8Array<ArrayBuffer> }} Code */

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const SECRET_BYTES = 19;
// RFC 8410: an Ed25519 private key in PKCS #8 is this and its seed
const PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);

/** @returns {Code} */
export const fresh = () => ({ secret: random(SECRET_BYTES) });

/** As it is written down: eight groups of four. @param {Code} code */
export async function reveal({ secret }) {
  const bytes = concat(secret, (await sha256(secret)).slice(0, 1));
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let at = 31; at >= 0; at -= 1) text += ALPHABET[Number((bits >> BigInt(5 * at)) & 31n)];
  return /** @type {string[]} */ (text.match(/.{4}/g)).join('-');
}

/** Reads a code however it is typed; null for what is none. @param {string} typed @returns {Promise<Code | null>} */
export async function parse(typed) {
  const text = typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  if (text.length !== 32 || [...text].some((symbol) => !ALPHABET.includes(symbol))) return null;
  let bits = 0n;
  for (const symbol of text) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(symbol));
  const bytes = Uint8Array.from({ length: 20 }, (_, at) => Number((bits >> BigInt(8 * (19 - at))) & 255n));
  const secret = bytes.slice(0, SECRET_BYTES);
  return (await sha256(secret))[0] === bytes[SECRET_BYTES] ? { secret } : null;
}

/** @param {Code} code @param {string} salt @param {Uint8Array<ArrayBuffer>} info */
async function derive({ secret }, salt, info) {
  const key = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
  const how = { name: 'HKDF', hash: 'SHA-256', salt: encode(salt), info };
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
}

/** What logs in: the server finds the account by one value and checks the other. @param {Code} code */
export async function proof(code) {
  const value = async (/** @type {string} */ name) =>
    toBase64url(await derive(code, 'grantbook-recovery-login/v1', encode(name)));
  return { lookup: await value('lookup'), proof: await value('proof') };
}

/**
 * The recovery key at one enterprise. @param {Code} code @param {string} tenant
 */
export async function recoveryKey(code, tenant) {
  const id = Uint8Array.from(/** @type {string[]} */ (tenant.replaceAll('-', '').match(/../g)), (hex) => parseInt(hex, 16));
  const seed = concat(PKCS8, await derive(code, 'grantbook-recovery/v1', id));
  const both = await crypto.subtle.importKey('pkcs8', seed, 'Ed25519', true, ['sign']);
  const { x } = await crypto.subtle.exportKey('jwk', both);
  const key = await crypto.subtle.importKey('pkcs8', seed, 'Ed25519', false, ['sign']);
  seed.fill(0);
  const jwk = { crv: 'Ed25519', kty: 'OKP', x: /** @type {string} */ (x) };
  return {
    jwk,
    thumbprint: await thumbprintOf(jwk),
    sign: async (/** @type {Uint8Array<ArrayBuffer>} */ message) =>
      new Uint8Array(await crypto.subtle.sign('Ed25519', key, message)),
  };
}
