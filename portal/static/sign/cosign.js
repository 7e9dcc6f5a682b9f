// What several people sign for one customer, each in their own browser: docs/reference/portal.md, section "Several people".

import { ask, assertion, me } from './account.js';
import { decode, encode, fromBase64url, sha256 } from './bytes.js';
import { separately } from './consents.js';
import { named } from './devices.js';
import { comeIn } from './enrol.js';
import { sealed, sign } from './jws.js';
import * as keys from './keys.js';
import { meaning } from './meaning.js';
import { choose, el, facts, show } from './screen.js';
import { words } from './words.js';

const back = () => el('p', {}, el('a', { class: 'button', href: '/my' }, words.go_on));

/**
 * Says what came of a signature that may not be the last.
 * @param {{ state: string, lacking?: string, more?: number }} came
 */
export function told({ state, lacking, more = 1 }) {
  if (state === 'waiting') {
    const who = lacking === 'guardian' ? words.cosign_guardian : lacking === 'own_key' ? words.cosign_own : words.cosign_more(more);
    show(words.cosign_waits, el('p', {}, who), el('p', { class: 'quiet' }, words.cosign_waits_text), back());
  } else {
    show(words.signed, el('p', {}, state === 'vouching' ? words.cosign_vouching : words.signed_text), back());
  }
}

/** Those of the person's passkeys that the log asks for. @param {any[]} mine @param {string[]} asked */
export async function among(mine, asked) {
  const known = [];
  for (const passkey of mine) if (asked.includes(await named(passkey.key))) known.push(passkey);
  return known;
}

/** Shows what others have signed, and signs the same. @param {string} id */
export async function cosign(id) {
  const account = await me();
  if (!account) {
    await comeIn(`/sign/#cosign=${id}`);
    location.reload();
    return;
  }
  const waiting = await ask(`/account/cosign/${id}`);
  const { tenant, enterprise, ward, kind, first, signers, keys: enrolled, passkeys, vocabulary, consents, people, name } = waiting;
  const bytes = fromBase64url(waiting.payload);
  if (await keys.find(tenant, signers)) {
    show(words.cosign_waits, el('p', {}, words.cosign_signed_text), back());
    return;
  }
  const key = await keys.find(tenant, enrolled);
  if (!key) {
    show(words.no_key, el('p', {}, words.no_key_text), back());
    return;
  }
  const { key: jwk } = JSON.parse(decode(bytes)).event;
  const brought = jwk && (await keys.thumbprintOf(jwk));
  const { question, rows, widens, yes, no } = meaning(kind, bytes, tenant, enterprise, vocabulary, { people, name, brought, ward });
  const separate = await separately(bytes, false, consents, () => 0, () => {});
  // what the others have signed is signed as it is, or not at all
  if (decode(separate.payload()) !== decode(bytes) || !separate.areGiven()) throw new Error(words.no_sentence);
  const details = el('details', {}, el('summary', {}, words.bytes), el('pre', { lang: 'en' }, decode(bytes)));
  show(question, el('p', { class: 'quiet' }, words.cosign_text(signers.length)), facts(rows), separate.part, details);
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  if ((await choose(main, { no, yes })) === 'no') {
    show(words.not_signed, el('p', {}, words.cosign_not), back());
    return;
  }
  const jws = await sign(kind, bytes, key);
  /** @type {{ envelope: string, assertion?: object }} */
  const sent = sealed([jws], []);
  const mine = widens && waiting.assertions < 2 ? await among(account.passkeys, passkeys) : [];
  if (mine.length > 0) sent.assertion = await assertion(account.rp_id, await sha256(encode(first)), mine);
  told(await ask(`/account/cosign/${id}/sign`, sent));
}
