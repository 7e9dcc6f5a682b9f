// Talking to the portal, and passkeys.

import { fromBase64url, toBase64url } from './bytes.js';

/** What the portal refused, with the last part of the problem's type. */
export class Refusal extends Error {
  /** @param {number} status @param {string} slug @param {string} detail */
  constructor(status, slug, detail) {
    super(detail);
    this.status = status;
    this.slug = slug;
  }
}

/** @param {string} path @param {object} [body] @returns {Promise<any>} */
export async function ask(path, body) {
  /** @type {RequestInit} */
  const request = { credentials: 'same-origin', cache: 'no-store', redirect: 'error' };
  if (body !== undefined) {
    request.method = 'POST';
    request.headers = { 'content-type': 'application/json' };
    request.body = JSON.stringify(body);
  }
  const response = await fetch(path, request);
  const answer = await response.json();
  if (!response.ok) throw new Refusal(response.status, String(answer.type).split('/').pop() ?? '', String(answer.detail));
  return answer;
}

/** @param {'register' | 'log_in' | 'step_up'} purpose */
const challenge = (purpose) => ask('/account/challenge', { purpose });

/** Makes a passkey that knows its owner. @param {string} name what the authenticator shows */
export async function makePasskey(name) {
  const asked = await challenge('register');
  const made = /** @type {PublicKeyCredential | null} */ (
    await navigator.credentials.create({
      publicKey: {
        rp: { id: asked.rp_id, name: 'Grantbook' },
        user: { id: crypto.getRandomValues(new Uint8Array(16)), name, displayName: name },
        challenge: fromBase64url(asked.challenge),
        // ES256 alone: what co-signs must be checked by everybody
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        attestation: 'none',
      },
    })
  );
  if (!made) throw new Error('no passkey was made');
  const response = /** @type {AuthenticatorAttestationResponse} */ (made.response);
  // of an ES256 key, SubjectPublicKeyInfo ends with x and y
  const spki = new Uint8Array(/** @type {ArrayBuffer} */ (response.getPublicKey()));
  const [x, y] = [spki.slice(-64, -32), spki.slice(-32)].map(toBase64url);
  return {
    rp_id: /** @type {string} */ (asked.rp_id),
    passkey: { credential: toBase64url(made.rawId), key: { crv: 'P-256', kty: 'EC', x, y } },
    registration: {
      authenticator_data: toBase64url(response.getAuthenticatorData()),
      client_data: toBase64url(response.clientDataJSON),
    },
  };
}

/**
 * @param {string} rpId @param {Uint8Array<ArrayBuffer>} challenge @param {string[]} credentials any where it is empty
 */
async function show(rpId, challenge, credentials) {
  const allowCredentials = credentials.map((id) => ({ type: /** @type {const} */ ('public-key'), id: fromBase64url(id) }));
  const shown = /** @type {PublicKeyCredential | null} */ (
    await navigator.credentials.get({
      publicKey: { challenge, rpId, allowCredentials, userVerification: 'required' },
    })
  );
  if (!shown) throw new Error('no passkey was shown');
  const response = /** @type {AuthenticatorAssertionResponse} */ (shown.response);
  return {
    credential: toBase64url(shown.rawId),
    authenticator_data: toBase64url(response.authenticatorData),
    client_data: toBase64url(response.clientDataJSON),
    signature: toBase64url(response.signature),
  };
}

/** Logs in. @param {'log_in' | 'step_up'} purpose */
export async function logIn(purpose = 'log_in') {
  const asked = await challenge(purpose);
  const shown = await show(asked.rp_id, fromBase64url(asked.challenge), []);
  await ask(purpose === 'log_in' ? '/account/log-in' : '/account/step-up', shown);
}

/** Whoever is logged in; null for nobody. */
export async function me() {
  try {
    return await ask('/account/me');
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) return null;
    throw error;
  }
}

/**
 * A passkey's assertion over an envelope's first JWS: docs/spec/attachment.md.
 * @param {string} rpId
 * @param {Uint8Array<ArrayBuffer>} challenge SHA-256 of the JWS
 * @param {{ credential: string, key: object }[]} passkeys those that may sign
 */
export async function assertion(rpId, challenge, passkeys) {
  const shown = await show(rpId, challenge, passkeys.map((passkey) => passkey.credential));
  const { credential, authenticator_data, client_data, signature } = shown;
  const passkey = passkeys.find((known) => known.credential === credential);
  if (!passkey) throw new Error('another passkey was shown');
  return { key: passkey.key, authenticator_data, client_data, signature };
}
