// Coming in, enrolling keys, coming back with a recovery code.

import { Refusal, ask, assertion, logIn, makePasskey, me } from './account.js';
import { encode, sha256 } from './bytes.js';
import * as codes from './code.js';
import { introduced } from './devices.js';
import * as keys from './keys.js';
import { WAIT_SECONDS, claims, sealed, sign } from './jws.js';
import { choose, el, show, type } from './screen.js';
import { beside } from './signers.js';
import { words } from './words.js';

const main = () => /** @type {HTMLElement} */ (document.getElementById('main'));

/** Makes a new code, shows it, and goes on when it was written down. */
async function newCode() {
  const code = codes.fresh();
  const text = await codes.reveal(code);
  show(words.code_title, el('p', {}, words.code_text), el('p', { class: 'code', id: 'code', lang: 'en' }, text));
  await choose(main(), { written: words.code_written });
  show(words.code_title);
  await type(
    main(),
    { label: words.code_again, button: words.go_on, hint: words.code_wrong },
    async (typed) => (typed.trim().toUpperCase() === text.slice(-4) ? true : null),
  );
  return code;
}

/**
 * The first key at an enterprise. @param {string} invitation @param {codes.Code | null} known a code that was just made
 */
async function join(invitation, known) {
  const joined = await ask('/account/join', { invitation });
  const { tenant, enterprise, sub, evidence, enrolled, return_url, request, brings } = joined;
  if (brings !== 'customer') {
    await beside(invitation, joined);
    return;
  }
  if (request && enrolled) {
    location.assign(`/my/requests/${encodeURIComponent(request)}`);
    return;
  }
  const ways = [el('p', {}, el('a', { class: 'button', href: '/' }, words.back))];
  if (return_url) ways.push(el('p', {}, el('a', { href: return_url, rel: 'noreferrer' }, words.back_to)));
  const account = await me();
  if (!enrolled) {
    let code = known;
    if (!code) {
      show(words.code_for(enterprise), el('p', {}, words.code_for_text));
      const asked = { label: words.code_type, button: words.go_on, hint: words.code_mistyped, other: words.skip };
      code = await type(main(), asked, codes.parse);
    }
    const key = await keys.make(tenant);
    const recovery = code && { recovery: (await codes.recoveryKey(code, tenant)).thumbprint };
    const payload = claims(tenant, { sub, key: key.jwk, evidence, ...recovery }, WAIT_SECONDS);
    const jws = await sign('key.enrolled', payload, key);
    show(words.key_title(enterprise), el('p', {}, words.key_text));
    await choose(main(), { enrol: words.make_key });
    const shown = await assertion(account.rp_id, await sha256(encode(jws)), account.passkeys);
    const { state } = await ask('/account/enrol', { tenant, ...(sealed([jws], [shown])), device: await introduced() });
    if (state === 'waiting') {
      show(words.waiting, el('p', {}, words.waiting_text(enterprise)), ...ways);
      return;
    }
  }
  show(words.enrolled, el('p', {}, words.enrolled_text(enterprise)), ...ways);
}

/** @param {string} token */
export async function invitation(token) {
  const { enterprise, logged_in, known, brings } = await ask('/account/invitation', { invitation: token });
  if (logged_in) {
    await join(token, null);
    return;
  }
  if (known) {
    show(words.asked(enterprise), el('p', {}, words.log_in_text));
    if ((await choose(main(), { in: words.log_in, lost: words.lost })) === 'lost') {
      await recover();
      return;
    }
    await logIn();
    await join(token, null);
    return;
  }
  const why = { customer: words.invited_text, signatory: words.invited_signatory }[String(brings)] ?? words.invited_guardian;
  show(words.invited(enterprise), el('p', {}, why));
  if ((await choose(main(), { fresh: words.new_account, known: words.have_account })) === 'known') {
    await logIn();
    await join(token, null);
    return;
  }
  show(words.new_account, el('p', {}, words.passkey_text));
  await choose(main(), { make: words.go_on });
  const { registration } = await makePasskey('Grantbook');
  const code = await newCode();
  await ask('/account/register', { passkey: registration, code: await codes.proof(code), invitation: token });
  await join(token, code);
}

/** @param {string} next a page of the portal */
export async function comeIn(next) {
  show(words.log_in, el('p', {}, words.log_in_text));
  if ((await choose(main(), { in: words.log_in, lost: words.lost })) === 'lost') {
    await recover();
    return;
  }
  await logIn();
  location.assign(next);
}

/** Shows the passkey once more, for what nothing brings back. @param {string} next a page of the portal */
export async function stepUp(next) {
  show(words.step_up, el('p', {}, words.step_up_text));
  await choose(main(), { show: words.step_up });
  await logIn('step_up');
  location.assign(next);
}

/** Logs in by the old code, and names the one that takes its place. @param {codes.Code} old */
async function begin(old) {
  let next = await newCode();
  for (;;) {
    try {
      await ask('/account/recover', { code: await codes.proof(old), next: await codes.proof(next) });
      return next;
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 409) throw error;
      show(words.recover_title, el('p', {}, words.begun_text));
      const asked = { label: words.code_type, button: words.go_on, hint: words.code_mistyped };
      next = /** @type {codes.Code} */ (await type(main(), asked, codes.parse));
    }
  }
}

/** Every key is replaced by one of this browser, signed for by the recovery key that the log knows by its thumbprint. */
export async function recover() {
  show(words.recover_title, el('p', {}, words.recover_text));
  const asked = { label: words.code_type, button: words.recover, hint: words.code_mistyped };
  const old = /** @type {codes.Code} */ (await type(main(), asked, codes.parse));
  const next = await begin(old);
  const { rp_id, passkey, registration } = await makePasskey('Grantbook');
  const account = await me();
  for (const { tenant, enterprise, sub, recovery } of account.memberships) {
    const spent = await codes.recoveryKey(old, tenant);
    // none was enrolled, or it was replaced already in a recovery that broke off
    if (spent.thumbprint !== recovery) continue;
    const key = await keys.make(tenant);
    const following = (await codes.recoveryKey(next, tenant)).thumbprint;
    const event = { sub, old: spent.thumbprint, new: key.jwk, recovery: { key: spent.jwk, next: following } };
    const payload = claims(tenant, event);
    const first = await sign('key.rotated', payload, key);
    show(words.key_title(enterprise), el('p', {}, words.key_text));
    await choose(main(), { enrol: words.make_key });
    const shown = await assertion(rp_id, await sha256(encode(first)), [passkey]);
    await ask('/v1/events', sealed([first, await sign('key.rotated', payload, spent)], [shown]));
  }
  // last, so that what breaks off before can be begun again with the same two codes
  await ask('/account/recovered', { passkey: registration, device: await introduced() });
  show(words.recovered, el('p', {}, words.recovered_text), el('p', {}, el('a', { class: 'button', href: '/' }, words.back)));
}
