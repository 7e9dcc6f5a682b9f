// Separate consents: each is an act of its own, whose time goes into what is signed. docs/spec/people.md, "Separate consents".

import { decode, encode, sha256, toBase64url } from './bytes.js';
import { el } from './screen.js';
import { consentNamed, lawNamed, moment, words } from './words.js';

/** @typedef {{ to: string, sentence: string | null, basis: [string, string][] }} Told what the server says of a consent */

/** The sentence that the payload names by its digest: any other is not shown. @param {any} consent @param {Told[]} told */
async function sentenceOf({ to, sentence }, told) {
  const known = told.find((one) => one.to === to);
  if (!known?.sentence || toBase64url(await sha256(encode(known.sentence))) !== sentence) {
    throw new Error(words.no_sentence);
  }
  return { text: known.sentence, basis: known.basis };
}

/**
 * The consents of a payload's terms, with a box for each that nobody has given yet.
 *
 * @param {Uint8Array<ArrayBuffer>} payload
 * @param {boolean} fresh whether nothing can have been given before
 * @param {Told[]} told
 * @param {() => number} now milliseconds, by the ledger's clock
 * @param {() => void} changed is called when what would be signed is other than before
 */
export async function separately(payload, fresh, told, now, changed) {
  const text = decode(payload);
  const claims = JSON.parse(text);
  // times are put in, and nothing else may become other than it is
  if (JSON.stringify(claims) !== text) throw new Error('expected JSON as it is written here');
  const consents = claims.event.terms?.consents ?? [];
  /** @type {HTMLInputElement[]} */
  const boxes = [];
  /** @type {Map<HTMLInputElement, any>} */
  const asked = new Map();
  let last = 0;
  /** @type {Node[]} */
  const rows = [];
  for (const consent of consents) {
    const { text: sentence, basis } = await sentenceOf(consent, told);
    const laws = basis.map(([law, article]) => lawNamed(law, article)).join(', ');
    const why = el('p', { class: 'quiet', id: `why-${rows.length}` }, [consentNamed(consent.to), laws].filter(Boolean).join(' · '));
    if (consent.given_at !== undefined) {
      if (fresh) throw new Error('expected consents that nobody has given yet');
      const when = words.given_before(moment(consent.given_at / 1000));
      rows.push(el('div', { class: 'consent' }, el('p', {}, sentence), why, el('p', { class: 'quiet' }, when)));
      continue;
    }
    const box = el('input', { type: 'checkbox', 'aria-describedby': why.id, 'data-consent': consent.to });
    asked.set(box, consent);
    boxes.push(box);
    box.addEventListener('change', () => {
      // two acts are never at one time
      last = Math.max(now(), last + 1);
      if (box.checked) consent.given_at = last;
      else delete consent.given_at;
      changed();
    });
    rows.push(el('div', { class: 'consent' }, el('label', { class: 'tick' }, box, el('span', {}, sentence)), why));
  }
  const hint = el('p', { role: 'alert', class: 'hint' });
  const part =
    rows.length > 0 &&
    el('section', { 'aria-labelledby': 'consents' }, el('h2', { id: 'consents' }, words.consents), el('p', {}, words.consents_text), ...rows, hint);
  return {
    part,
    /** What would be signed now. */
    payload: () => encode(JSON.stringify(claims)),
    /** Whether each was given; says what is missing where one was not. */
    areGiven: () => {
      const missing = boxes.find((box) => asked.get(box).given_at === undefined);
      hint.textContent = missing ? words.consents_missing : '';
      missing?.focus();
      return !missing;
    },
  };
}
