// The signing page: it reads from its address what to do, shows what it is about to sign, asks, and signs.

import { Refusal, ask, assertion, me } from './account.js';
import { answer, withAgent } from './agent.js';
import { decode, encode, fromBase64url, sha256 } from './bytes.js';
import { separately } from './consents.js';
import { among, cosign, told } from './cosign.js';
import { add, come, end } from './devices.js';
import { comeIn, invitation, recover, stepUp } from './enrol.js';
import { sealed, sign } from './jws.js';
import * as keys from './keys.js';
import { meaning } from './meaning.js';
import { choose, el, facts, show } from './screen.js';
import { invite } from './signers.js';
import { words } from './words.js';

/** A path of this portal; `/` for anything else. @param {string} path */
const local = (path) => (/^\/(?![/\\])[\x21-\x7e]*$/.test(path) ? path : '/');

/** @param {string} id of a prepared event */
async function signPrepared(id) {
  const account = await me();
  if (!account) {
    await comeIn(`/sign/#sign=${id}`);
    location.reload();
    return;
  }
  const prepared = await ask(`/account/prepared/${id}`);
  const { tenant, enterprise, ward, kind, payload, next, keys: enrolled, passkeys, vocabulary, consents, several, people, back: ways } = prepared;
  /** The way back to the app that led here. @param {string | undefined} href */
  const app = (href) => href !== undefined && el('p', {}, el('a', { class: 'button', href, rel: 'noreferrer' }, words.back_to));
  const came = performance.now();
  const now = () => prepared.now * 1000 + Math.floor(performance.now() - came);
  const key = await keys.find(tenant, enrolled);
  const back = el('p', {}, el('a', { class: 'button', href: '/' }, words.back));
  if (!key) {
    show(words.no_key, el('p', {}, words.no_key_text), el('p', {}, el('a', { href: '#recover' }, words.lost)), back);
    return;
  }
  const unfinished = fromBase64url(payload);
  const bytes = kind === 'mandate.given' ? await withAgent(unfinished, tenant, key) : unfinished;
  const { question, rows, widens, yes, no } = meaning(kind, bytes, tenant, enterprise, vocabulary, { people, ward });
  const shown = el('pre', { lang: 'en' }, decode(bytes));
  const details = el('details', {}, el('summary', {}, words.bytes), shown);
  const refresh = () => shown.replaceChildren(decode(separate.payload()));
  const separate = await separately(bytes, kind === 'grant.given', consents, now, refresh);
  show(question, el('p', { class: 'quiet' }, words.what_is_signed), facts(rows), separate.part, details);
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  if ((await choose(main, { no, yes }, (answer) => answer === 'no' || separate.areGiven())) === 'no') {
    show(words.not_signed, el('p', {}, words.not_signed_text), app(ways?.unsigned), back);
    return;
  }
  const jws = await sign(kind, separate.payload(), key);
  const assertions = [];
  if (widens && passkeys.length > 0) {
    assertions.push(await assertion(account.rp_id, await sha256(encode(jws)), await among(account.passkeys, passkeys)));
  }
  if (several) {
    const came = await ask('/account/cosign', sealed([jws], assertions));
    if (came.state !== 'signed') {
      told(came);
      return;
    }
  } else {
    await ask('/v1/events', sealed([jws], assertions));
  }
  show(
    words.signed,
    el('p', {}, words.signed_text),
    app(ways?.signed),
    el('p', {}, el('a', { class: 'button', href: local(next) }, words.go_on)),
  );
}

async function run() {
  document.documentElement.lang = words.tag;
  const [what, value = ''] = location.hash.slice(1).split('=', 2);
  if (!(await keys.areSupported())) {
    show(words.unsupported, el('p', {}, words.unsupported_text), el('p', {}, el('a', { href: '/' }, words.back)));
    return;
  }
  try {
    if (what === 'sign') await signPrepared(encodeURIComponent(value));
    else if (what === 'cosign') await cosign(encodeURIComponent(value));
    else if (what === 'invite-signer') await invite(value);
    else if (what === 'invitation') await invitation(value);
    else if (what === 'recover') await recover();
    else if (what === 'answer') await answer();
    else if (what === 'log-in') await comeIn(local(decodeURIComponent(value) || '/'));
    else if (what === 'add-device') await add();
    else if (what === 'device') await come(value);
    else if (what === 'end-device') await end(value);
    else if (what === 'step-up') await stepUp(local(decodeURIComponent(value)));
    else show(words.nothing_here, el('p', {}, el('a', { class: 'button', href: '/' }, words.back)));
  } catch (error) {
    const gone = error instanceof Refusal && (error.status === 410 || error.status === 404);
    const text = gone ? words.expired : error instanceof Error ? error.message : String(error);
    show(words.failed, el('p', { role: 'alert' }, text), el('p', {}, el('a', { class: 'button', href: '/' }, words.back)));
  }
}

addEventListener('hashchange', () => location.reload());
await run();
