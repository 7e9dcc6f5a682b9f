// Several people for one customer: how another comes. docs/reference/portal.md, section "Several people".

import { ask, assertion, logIn, me } from './account.js';
import { encode, sha256 } from './bytes.js';
import { drawn, introduced, numbers } from './devices.js';
import { WAIT_SECONDS, claims, sealed, sign } from './jws.js';
import * as keys from './keys.js';
import { choose, el, facts, list, show, type } from './screen.js';
import { dayNamed, words } from './words.js';

const main = () => /** @type {HTMLElement} */ (document.getElementById('main'));
const PAGE = '/my/account/signers';

/** A name that is typed. @param {string} label @param {string} [value] */
const called = (label, value) =>
  type(main(), { label, button: words.go_on, hint: words.come_name_hint, ...(value ? { value } : {}) }, async (typed) => {
    const text = typed.trim();
    return text.length > 0 && text.length <= 60 ? text : null;
  });

/** Makes a link by which somebody comes to sign, too. @param {string} tenant */
export async function invite(tenant) {
  const account = await me();
  const place = account?.memberships.find((/** @type {{ tenant: string, ward: boolean }} */ known) => known.tenant === tenant && !known.ward);
  if (!place) {
    location.assign('/sign-in');
    return;
  }
  show(words.beside_invite, el('p', {}, words.beside_invite_text(place.enterprise)), list([words.beside_step_link, words.beside_step_compare, words.beside_step_sign]));
  const name = await called(words.beside_your_name, place.name ?? undefined);
  await logIn('step_up');
  const { url, qr } = await ask('/account/signers/invite', { tenant, name });
  show(
    words.beside_link,
    el('p', {}, words.beside_link_text),
    drawn(qr),
    el('p', {}, el('code', { id: 'link', lang: 'en' }, url)),
    el('p', {}, el('a', { class: 'button', href: PAGE }, words.go_on)),
  );
}

/**
 * Whoever was invited to sign for a customer beside others, or as a guardian: makes a key, and asks them to sign for it.
 * @param {string} invitation
 * @param {{ tenant: string, enterprise: string, sub: string, evidence: string, brings: 'signatory' | { guardian: { birth_day: number, until: string } } }} joined
 */
export async function beside(invitation, { tenant, enterprise, sub, evidence, brings }) {
  const account = await me();
  const guardian = brings === 'signatory' ? null : brings.guardian;
  show(guardian ? words.guardian_title : words.beside_title, el('p', {}, guardian ? words.guardian_text(enterprise, dayNamed(guardian.until)) : words.beside_text(enterprise)));
  const name = await called(words.beside_your_name);
  let ward = null;
  if (guardian) {
    show(words.guardian_title, el('p', {}, words.guardian_ward_text));
    ward = await called(words.guardian_ward);
  }
  const key = await keys.make(tenant);
  const kind = guardian ? 'guardian.named' : 'key.enrolled';
  const event = { sub, key: key.jwk, evidence: guardian ? evidence : 'enrolled_key', ...guardian };
  const jws = await sign(kind, claims(tenant, event, WAIT_SECONDS), key);
  show(words.key_title(enterprise), el('p', {}, words.key_text_alone), facts([[words.key_number, keys.numberOf(key.thumbprint)]]));
  await choose(main(), { enrol: words.make_key });
  const shown = await assertion(account.rp_id, await sha256(encode(jws)), account.passkeys);
  const invited = { invitation, device: await introduced(), name, ...(ward ? { ward } : {}) };
  const { state } = await ask('/account/cosign', { ...sealed([jws], [shown]), invited });
  const back = el('p', {}, el('a', { class: 'button', href: '/' }, words.back));
  if (state === 'waiting') {
    show(words.waiting, el('p', {}, guardian ? words.guardian_waits : words.beside_waits), numbers(keys.numberOf(key.thumbprint)), back);
  } else if (state === 'vouching') {
    show(words.waiting, el('p', {}, words.waiting_text(enterprise)), back);
  } else {
    show(words.enrolled, el('p', {}, words.guardian_done), back);
  }
}
