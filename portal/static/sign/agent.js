// Standing rules in this browser: a key of its own that may answer by a mandate and do nothing else, and the answers that it signs.

import { ask, me } from './account.js';
import { decode, encode, fromBase64url } from './bytes.js';
import { comeIn } from './enrol.js';
import { sealed, sign } from './jws.js';
import * as keys from './keys.js';
import { meaning } from './meaning.js';
import { choose, el, facts, show } from './screen.js';
import { words } from './words.js';

/** Where the agents' keys are kept: a customer's own are never found among them. @param {string} tenant */
const agentsOf = (tenant) => `${tenant}/agent`;

/**
 * A mandate names the key that gives it and the one that answers by it: the browser alone knows both.
 * @param {Uint8Array<ArrayBuffer>} payload @param {string} tenant @param {keys.Key} key the customer's
 */
export async function withAgent(payload, tenant, key) {
  const claims = JSON.parse(decode(payload));
  const { sub, ...rules } = claims.event;
  const { jwk } = await keys.make(agentsOf(tenant));
  claims.event = { sub, from: { key: key.thumbprint }, agent: jwk, ...rules };
  return encode(JSON.stringify(claims));
}

/** @typedef {{ tenant: string, enterprise: string, kind: string, payload: string, agent: string, vocabulary: any }} Answer */

/** The answers that this browser has the key for, each read before it is shown. */
async function answers() {
  const found = [];
  for (const answer of /** @type {Answer[]} */ ((await ask('/account/answers')).answers)) {
    const { tenant, enterprise, kind, vocabulary } = answer;
    const key = await keys.find(agentsOf(tenant), [answer.agent]);
    if (!key) continue;
    const payload = fromBase64url(answer.payload);
    found.push({ kind, payload, key, rows: meaning(kind, payload, tenant, enterprise, vocabulary).rows });
  }
  return found;
}

/** Shows what the rules answer, and sends it. */
export async function answer() {
  if (!(await me())) await comeIn('/sign/#answer');
  const back = el('p', {}, el('a', { class: 'button', href: '/my/rules' }, words.back));
  const found = await answers();
  if (found.length === 0) {
    show(words.answers_none, el('p', {}, words.answers_none_text), back);
    return;
  }
  const parts = found.map(({ kind, payload, rows }) =>
    el(
      'section',
      {},
      el('h2', {}, kind === 'grant.given' ? words.answer_accepts : words.answer_declines),
      facts(rows),
      el('details', {}, el('summary', {}, words.bytes), el('pre', { lang: 'en' }, decode(payload))),
    ),
  );
  show(words.sign_answers, el('p', { class: 'quiet' }, words.answers_text), ...parts);
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  if ((await choose(main, { no: words.answers_no, yes: words.answers_yes })) === 'no') {
    show(words.not_signed, el('p', {}, words.not_signed_text), back);
    return;
  }
  for (const { kind, payload, key } of found) await ask('/v1/events', sealed([await sign(kind, payload, key)], []));
  show(words.answers_sent, el('p', {}, words.answers_sent_text), back);
}
