// Envelopes and their signatures: docs/spec/envelope.md. One JWS here; the server puts others' behind it.

import { concat, decode, encode, fromBase64url, toBase64url } from './bytes.js';
import { thumbprintOf } from './keys.js';

/** @typedef {{ thumbprint: string, sign: (message: Uint8Array<ArrayBuffer>) => Promise<Uint8Array> }} Signer */

/**
 * A compact JWS over the payload's bytes as they are.
 * @param {string} kind @param {Uint8Array} payload @param {Signer} signer
 */
export async function sign(kind, payload, signer) {
  const header = `{"alg":"Ed25519","typ":"grantbook-${kind}+jwt","kid":"${signer.thumbprint}"}`;
  const input = `${toBase64url(encode(header))}.${toBase64url(payload)}`;
  return `${input}.${toBase64url(await signer.sign(encode(input)))}`;
}

/** JWSs, each behind its length in four bytes. @param {...string} texts */
export function envelope(...texts) {
  return concat(
    ...texts.map((text) => {
      const bytes = encode(text);
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, bytes.length);
      return concat(length, bytes);
    }),
  );
}

/** How long an event may wait for others to sign it, in seconds. */
export const WAIT_SECONDS = 7 * 86_400;

/** What is sent: a JWS, or several over one payload, and what is attached to the first. @param {string[]} jwss @param {object[]} assertions */
export function sealed(jwss, assertions) {
  /** @type {{ envelope: string, attachment?: string }} */
  const sent = { envelope: toBase64url(envelope(...jwss)) };
  if (assertions.length > 0) sent.attachment = toBase64url(encode(JSON.stringify({ v: 1, assertions })));
  return sent;
}

/** A UUIDv7 and its time in seconds: the jti and the iat of an event. */
export function newId() {
  const now = Date.now();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let at = 0; at < 6; at += 1) bytes[at] = Math.floor(now / 2 ** (8 * (5 - at))) % 256;
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const jti = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  return { jti, iat: Math.floor(now / 1000) };
}

/**
 * The payload of an event made here.
 * @param {string} tenant @param {object} event @param {number} [seconds] how long it may be sent in
 */
export function claims(tenant, event, seconds) {
  const { jti, iat } = newId();
  const exp = seconds === undefined ? {} : { exp: iat + seconds };
  return encode(JSON.stringify({ v: 1, aud: tenant, jti, iat, ...exp, event }));
}

/**
 * The payload of a `key.enrolled` that another device has signed: null unless it enrols one of the keys that were compared, which it
 * takes out of them, for this very person, by the word of an enrolled key, and does nothing else.
 * @param {{ tenant: string, jws: string }} signed @param {string} person @param {Set<string>} compared thumbprints
 */
export async function enrolled({ tenant, jws }, person, compared) {
  const [header, body, signature, ...rest] = jws.split('.');
  if (!header || !body || !signature || rest.length > 0) return null;
  const { alg, typ, kid } = JSON.parse(decode(fromBase64url(header)));
  const payload = fromBase64url(body);
  const { v, aud, event, ...others } = JSON.parse(decode(payload));
  const { sub, key, evidence, ...more } = event;
  const plain = Object.keys(more).length === 0 && Object.keys(others).every((name) => name === 'jti' || name === 'iat');
  const ofKind = v === 1 && alg === 'Ed25519' && typ === 'grantbook-key.enrolled+jwt' && evidence === 'enrolled_key';
  const persons = aud === tenant && sub === person;
  return plain && ofKind && persons && kid === (await thumbprintOf(key)) && compared.delete(kid) ? payload : null;
}
