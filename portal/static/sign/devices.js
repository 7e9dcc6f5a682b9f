// Devices: a second one comes, and one ends. docs/reference/portal.md, section "Devices".

import { Refusal, ask, assertion, logIn, makePasskey, me } from './account.js';
import { encode, random, sha256, toBase64url } from './bytes.js';
import { claims, enrolled, envelope, sign } from './jws.js';
import * as keys from './keys.js';
import { choose, el, facts, list, show, type } from './screen.js';
import { words } from './words.js';

/** @typedef {{ nonce: string, keys: string[], passkey?: string }} Opening */
/** @typedef {{ tenant: string, jws: string, assertion?: { key: object } }} Enrolment */

const main = () => /** @type {HTMLElement} */ (document.getElementById('main'));
const back = (label = words.back) => el('p', {}, el('a', { class: 'button', href: '/my/account' }, label));
const POLL_MILLIS = 700;

/** The name of a passkey on the log: RFC 7638. @param {any} key */
export const named = async ({ x, y }) =>
  toBase64url(await sha256(encode(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`)));

/** What this browser is called unless somebody says otherwise. */
export function defaultName() {
  const agent = navigator.userAgent;
  const first = (/** @type {[RegExp, string][]} */ known) => known.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = first([[/Firefox|FxiOS/, 'Firefox'], [/Edg/, 'Edge'], [/OPR/, 'Opera'], [/SamsungBrowser/, 'Samsung Internet'], [/Chrom|CriOS/, 'Chrome'], [/Safari/, 'Safari']]);
  const system = first([[/Android/, 'Android'], [/iPhone/, 'iPhone'], [/iPad/, 'iPad'], [/Windows/, 'Windows'], [/Mac OS/, 'macOS'], [/CrOS/, 'ChromeOS'], [/Linux/, 'Linux']]);
  return [browser, system].filter(Boolean).join(' · ') || words.a_device;
}

/** What this browser says of itself when it brings a key. */
export const introduced = async () => ({ name: defaultName(), keys: await keys.thumbprints() });

/** What the second device commits to. @param {Opening} opening */
const commitment = async ({ nonce, keys, passkey }) =>
  toBase64url(await sha256(encode(['grantbook-device-commitment/v1', nonce, ...keys, passkey ?? ''].join('\n'))));

/** Six digits of both nonces and the keys. Neither side could know the other's nonce when it chose. @param {string} nonce of the first device @param {Opening} opening */
async function digits(nonce, opening) {
  const text = ['grantbook-device-digits/v1', nonce, await commitment(opening)].join('\n');
  const bytes = await sha256(encode(text));
  const number = String(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) % 1_000_000).padStart(6, '0');
  return `${number.slice(0, 3)} ${number.slice(3)}`;
}

export const numbers = (/** @type {string} */ text) => el('p', { class: 'code', id: 'digits', lang: 'en' }, text);

/** Waits until the other device is so far. @param {object} who @param {string} stage */
async function until(who, stage) {
  for (;;) {
    const seen = await ask('/account/devices/step', who);
    if (seen.stage === stage) return seen;
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS));
  }
}

/** A QR code of squares. @param {{ width: number, modules: string }} code */
export function drawn({ width, modules }) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  for (const [name, value] of Object.entries({ viewBox: `-4 -4 ${width + 8} ${width + 8}`, class: 'qr', role: 'img', 'aria-label': words.add_qr })) {
    svg.setAttribute(name, value);
  }
  const path = document.createElementNS(space, 'path');
  const squares = [...modules].flatMap((dark, at) => (dark === '1' ? [`M${at % width} ${Math.floor(at / width)}h1v1h-1z`] : []));
  path.setAttribute('d', squares.join(''));
  svg.append(path);
  return svg;
}

/** On the device that has keys. */
export async function add() {
  show(words.add_title, el('p', {}, words.add_text), list([words.add_step_open, words.add_step_compare, words.add_step_sign]), el('p', { class: 'quiet' }, words.add_lost));
  await choose(main(), { add: words.add_begin });
  await logIn('step_up');
  const account = await me();
  const own = [];
  // a guardian's key vouches for none
  for (const place of account.memberships.filter((/** @type {{ ward: boolean }} */ known) => !known.ward)) {
    const key = await keys.find(place.tenant, place.keys);
    if (key) own.push({ ...place, key });
  }
  if (own.length === 0 && account.memberships.some((/** @type {{ keys: string[] }} */ place) => place.keys.length > 0)) {
    show(words.no_key, el('p', {}, words.no_key_text), el('p', {}, el('a', { href: '#recover' }, words.lost)), back());
    return;
  }
  const { token, url, qr } = await ask('/account/devices/offer', {});
  show(words.add_open, el('p', {}, words.add_open_text), drawn(qr), el('p', {}, el('code', { id: 'link', lang: 'en' }, url)), el('p', { class: 'quiet', role: 'status' }, words.add_waits));
  const { name, commitment: promised } = await until({ token }, 'joined');
  const nonce = toBase64url(random(32));
  await ask('/account/devices/step', { token, step: { nonce } });
  const { opening } = await until({ token }, 'opened');
  if ((await commitment(opening)) !== promised) throw new Error(words.add_other_keys);
  show(words.add_compare, el('p', {}, words.add_compare_first(name)), numbers(await digits(nonce, opening)), el('p', { class: 'quiet' }, words.add_compare_why));
  if ((await choose(main(), { no: words.add_differ, yes: words.add_alike })) === 'no') {
    // a new link takes the place of this one, and nobody has it
    await ask('/account/devices/offer', {});
    show(words.add_stopped, el('p', {}, words.add_stopped_text), back());
    return;
  }
  await ask('/account/devices/step', { token, step: 'confirm' });
  show(words.add_signing, el('p', { role: 'status' }, words.add_signing_text));
  const { enrolments } = await until({ token }, 'signed');
  const compared = new Set(/** @type {string[]} */ (opening.keys));
  const signed = [];
  for (const enrolment of /** @type {Enrolment[]} */ (enrolments)) {
    const place = own.find((known) => known.tenant === enrolment.tenant);
    // this device has no key there, and signs nothing
    if (!place) continue;
    const payload = await enrolled(enrolment, place.sub, compared);
    const theirs = enrolment.assertion;
    if (!payload) throw new Error(words.add_other_keys);
    if (theirs && (await named(theirs.key)) !== opening.passkey) throw new Error(words.add_other_keys);
    signed.push({ place, payload, enrolment });
  }
  for (const { place, payload, enrolment } of signed) {
    const known = [];
    for (const passkey of account.passkeys) if (place.passkeys.includes(await named(passkey.key))) known.push(passkey);
    show(words.add_sign(place.enterprise), el('p', {}, words.add_sign_text(name, place.enterprise)));
    await choose(main(), { sign: words.sign_yes });
    const assertions = [];
    if (known.length > 0) assertions.push(await assertion(account.rp_id, await sha256(encode(enrolment.jws)), known));
    if (enrolment.assertion) assertions.push(enrolment.assertion);
    const attachment = assertions.length > 0 ? { attachment: toBase64url(encode(JSON.stringify({ v: 1, assertions }))) } : {};
    const whole = envelope(enrolment.jws, await sign('key.enrolled', payload, place.key));
    await ask('/v1/events', { envelope: toBase64url(whole), ...attachment });
  }
  await ask('/account/devices/finish', { token });
  show(words.add_done, el('p', {}, words.add_done_text(name)), back(words.go_on));
}

/** On the device that comes. @param {string} token */
export async function come(token) {
  const { keys: count, known } = await ask('/account/devices/look', { token });
  show(words.come_title, el('p', {}, words.come_text));
  const name = await type(main(), { label: words.come_name, button: words.go_on, hint: words.come_name_hint, value: defaultName() }, async (typed) => {
    const text = typed.trim();
    return text.length > 0 && text.length <= 60 ? text : null;
  });
  let made = null;
  if (!known) {
    show(words.come_passkey, el('p', {}, words.come_passkey_text));
    if ((await choose(main(), { known: words.come_log_in, fresh: words.come_make })) === 'known') await logIn();
    else made = await makePasskey('Grantbook');
  }
  const drafts = [];
  for (let at = 0; at < count; at += 1) drafts.push(await keys.draft());
  /** @type {Opening} */
  const opening = { nonce: toBase64url(random(32)), keys: drafts.map((draft) => draft.thumbprint), ...(made && { passkey: await named(made.passkey.key) }) };
  const joining = { token, name, commitment: await commitment(opening), ...(made && { passkey: made.registration }) };
  const { claim } = await ask('/account/devices/join', joining);
  show(words.come_wait, el('p', { role: 'status' }, words.come_wait_text));
  const { nonce } = await until({ token, claim }, 'challenged');
  await ask('/account/devices/step', { token, claim, step: { open: opening } });
  show(words.add_compare, el('p', {}, words.add_compare_second), numbers(await digits(nonce, opening)), el('p', { class: 'quiet' }, words.add_compare_why));
  const { places } = await until({ token, claim }, 'confirmed');
  const enrolments = [];
  for (const [at, { tenant, enterprise, sub }] of places.entries()) {
    const draft = drafts[at];
    if (!draft) break;
    const key = await draft.keep(tenant);
    const jws = await sign('key.enrolled', claims(tenant, { sub, key: key.jwk, evidence: 'enrolled_key' }), key);
    if (made) {
      show(words.key_title(enterprise), el('p', {}, words.key_text));
      await choose(main(), { enrol: words.make_key });
      enrolments.push({ tenant, jws, assertion: await assertion(made.rp_id, await sha256(encode(jws)), [made.passkey]) });
    } else {
      enrolments.push({ tenant, jws });
    }
  }
  await ask('/account/devices/step', { token, claim, step: { sign: enrolments } });
  show(words.come_first, el('p', { role: 'status' }, words.come_first_text));
  await until({ token, claim }, 'finished');
  if (made) {
    show(words.come_done, el('p', {}, words.come_done_log_in));
    await choose(main(), { in: words.log_in });
    await logIn();
  }
  show(words.come_done, el('p', {}, words.come_done_text), back(words.go_on));
}

/** Ends a device: its keys at every enterprise, its passkey, its sessions. @param {string} id */
export async function end(id) {
  const account = await me();
  if (!account) {
    location.assign('/sign-in');
    return;
  }
  /** @type {{ id: string, name: string, keys: { tenant: string, key: string }[] }[]} */
  const devices = account.devices;
  const device = devices.find((known) => known.id === id);
  if (!device) {
    show(words.expired, back());
    return;
  }
  /** @type {{ tenant: string, enterprise: string, sub: string, keys: string[], recovery: string | null }[]} */
  const places = account.memberships;
  const live = places.flatMap((place) => {
    const ending = device.keys.find(({ tenant, key }) => tenant === place.tenant && place.keys.includes(key));
    return ending ? [{ place, key: ending.key }] : [];
  });
  const isLast = live.some(({ place }) => place.keys.length === 1);
  const signing = [];
  const left = [];
  for (const { place, key } of live) {
    // its own key may end itself, where this is the device that ends
    const own = (await keys.find(place.tenant, place.keys.filter((other) => other !== key))) ?? (await keys.find(place.tenant, [key]));
    if (own) signing.push({ place, key, own });
    else left.push(place.enterprise);
  }
  const recoverable = places.every((place) => place.recovery !== null || place.keys.length === 0);
  show(
    words.end_title,
    facts([[words.end_device, device.name], [words.end_where, live.length > 0 ? list(live.map(({ place }) => place.enterprise)) : words.end_nowhere]]),
    el('p', {}, words.end_text),
    isLast && el('p', { role: 'alert', class: 'warning' }, recoverable ? words.end_last : words.end_last_no_code),
    left.length > 0 && el('p', { role: 'alert', class: 'warning' }, words.end_left(left.join(', '))),
  );
  if ((await choose(main(), { no: words.end_no, yes: words.end_yes })) === 'no') {
    location.assign('/my/account');
    return;
  }
  await logIn('step_up');
  for (const { place, key, own } of signing) {
    const jws = await sign('key.revoked', claims(place.tenant, { sub: place.sub, key }), own);
    await ask('/v1/events', { envelope: toBase64url(envelope(jws)) });
  }
  let ended;
  try {
    ended = await ask('/account/devices/end', { device: id });
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 409) throw error;
    show(words.end_title, el('p', { role: 'alert', class: 'warning' }, words.end_last_passkey));
    if ((await choose(main(), { no: words.end_no, yes: words.end_yes })) === 'no') {
      location.assign('/my/account');
      return;
    }
    ended = await ask('/account/devices/end', { device: id, last: true });
  }
  const text = ended.left.length > 0 ? words.end_partly(left.join(', ')) : words.end_done_text;
  show(words.end_done, el('p', {}, text), ended.logged_out ? el('p', {}, el('a', { class: 'button', href: '/' }, words.back)) : back(words.go_on));
}
