// What an event says, in plain words, from the payload's bytes and nothing else. A payload that has a member which is not shown
// here is not signed here.

import { decode } from './bytes.js';
import { consentNamed, dayNamed, moment, money, namesOf, words } from './words.js';
import { numberOf } from './keys.js';
import { only } from './only.js';
import { rulesInWords } from './rules.js';
import { list } from './screen.js';

/** @typedef {[string, import('./screen.js').Part | import('./screen.js').Part[]][]} Rows */

/** @param {any} clause @param {import('./words.js').Names} names */
function clauseInWords(clause, names) {
  const { category, period, fields, filter } = only(clause, ['category', 'period', 'fields', 'filter']);
  const parts = [names.category(category)];
  parts.push(fields ? fields.map((/** @type {string} */ field) => names.field(category, field)).join(', ') : words.all_fields);
  if (period) parts.push(words.from_to(dayNamed(only(period, ['from', 'to']).from), dayNamed(period.to)));
  else parts.push(words.any_time);
  for (const condition of filter ?? []) {
    const { attribute, any_of } = only(condition, ['attribute', 'any_of']);
    parts.push(words.only_where(`${attribute}: ${any_of.join(', ')}`));
  }
  return parts.join(' · ');
}

/** @param {any} compensation */
function pay(compensation) {
  if (compensation === 'none') return words.nothing;
  if (compensation.per_use) return words.per_use(money(compensation.per_use));
  if (compensation.per_grant) return words.per_grant(money(compensation.per_grant));
  if (compensation.revenue_share) return words.share(`${compensation.revenue_share.basis_points / 100} %`);
  if (compensation.benefit) return String(compensation.benefit.what);
  return `${words.other_pay}: ${JSON.stringify(compensation)}`;
}

/** @param {any} obligation */
function duty(obligation) {
  const joined = (/** @type {any} */ { fields }) => fields.join(', ');
  if (obligation.mask) return words.mask(joined(obligation.mask));
  if (obligation.keep_fields) return words.keep(joined(obligation.keep_fields));
  if (obligation.generalise) return words.generalise(`${obligation.generalise.field} → ${obligation.generalise.to}`);
  if (obligation.delete_by) return words.delete_by(obligation.delete_by.days);
  if (obligation.watermark) return words.watermark;
  if (obligation.notify) return words.notify(obligation.notify.party);
  return JSON.stringify(obligation);
}

/** An agent names under which mandate it answers, and the consents that it gives by it. @param {any} event @returns {Rows} */
function byRule({ mandate, terms }) {
  if (mandate === undefined) return [];
  const consents = (terms?.consents ?? []).map((/** @type {any} */ { to }) => consentNamed(to));
  /** @type {Rows} */
  const rows = [[words.mandate, mandate]];
  if (consents.length > 0) rows.push([words.consents, list(consents)]);
  return rows;
}

/** @param {any} given @param {{ version: number, words: any } | null} vocabulary @returns {Rows} */
function termsInWords(given, vocabulary) {
  const terms = only(given, [
    'vocabulary', 'controller', 'recipient', 'purpose', 'scope', 'validity', 'limits', 'compensation', 'obligations', 'notice',
    'template', 'consents', 'supersedes', 'licence',
  ]);
  const version = terms.vocabulary ?? 1;
  const names = namesOf(version, vocabulary);
  const clauses = (/** @type {any[]} */ some) => list(some.map((clause) => clauseInWords(clause, names)));
  // each is shown by itself, in the sentence by which it is asked
  for (const consent of terms.consents ?? []) only(consent, ['to', 'sentence', 'given_at']);
  const scope = only(terms.scope, ['include', 'exclude']);
  const { start, end } = only(terms.validity, ['start', 'end']);
  const limits = only(terms.limits ?? {}, ['uses', 'rate', 'retention_days', 'level']);
  /** @type {string[]} */
  const often = [limits.uses === undefined ? words.any_number : words.at_most(limits.uses)];
  if (limits.rate) often.push(words.within(only(limits.rate, ['uses', 'seconds']).uses, limits.rate.seconds));
  /** @type {Rows} */
  const rows = [
    [words.recipient, terms.recipient],
    [words.controller, terms.controller],
    [words.purpose, names.purpose(terms.purpose)],
    [words.data, clauses(scope.include)],
  ];
  if (scope.exclude?.length) rows.push([words.without, clauses(scope.exclude)]);
  rows.push([words.validity, words.from_to(moment(start), moment(end))]);
  rows.push([words.uses, list(often)]);
  rows.push([words.kept, limits.retention_days === undefined ? words.no_limit : words.days(limits.retention_days)]);
  if (terms.obligations?.length) rows.push([words.duties, list(terms.obligations.map(duty))]);
  rows.push([words.pay, pay(terms.compensation)]);
  if (version !== 1) rows.push([words.vocabulary, words.vocabulary_of(version)]);
  if (terms.supersedes) rows.push([words.supersedes, terms.supersedes]);
  return rows;
}

/** What would be acceptable. @param {any} unless @returns {Rows} */
function wishInWords(unless) {
  if (unless === undefined) return [];
  const wish = only(unless, ['without', 'validity_days_max', 'retention_days_max', 'uses_max', 'price_min']);
  const names = namesOf(1, null);
  /** @type {string[]} */
  const lines = (wish.without ?? []).map((/** @type {string} */ category) => words.unless_without(names.category(category)));
  if (wish.validity_days_max !== undefined) lines.push(words.unless_days(wish.validity_days_max));
  if (wish.retention_days_max !== undefined) lines.push(words.unless_kept(wish.retention_days_max));
  if (wish.uses_max !== undefined) lines.push(words.unless_uses(wish.uses_max));
  if (wish.price_min !== undefined) lines.push(words.unless_price(money(only(wish.price_min, ['currency', 'minor']))));
  return [[words.unless, list(lines)]];
}

/**
 * What is known beside the bytes: names of keys as the server has them, by thumbprint; the name of who brings a key, and the thumbprint of that key;
 * what a guardian calls the minor.
 * @typedef {{ people?: [string, string][], name?: string | null, brought?: string, ward?: string | null }} Told
 */

/** A key as people compare it, with the name that the server knows. @param {string} thumbprint @param {Told} told */
function keyInWords(thumbprint, { people = [] }) {
  const known = people.find(([key]) => key === thumbprint);
  return [known ? words.cosign_called(known[1]) : words.cosign_unnamed, numberOf(thumbprint)].join(' ');
}

/** Somebody else's key, to be compared. @param {Told} told @returns {Rows} */
function newKey({ name, brought }) {
  if (!brought) throw new Error('expected a key that somebody brings');
  return [
    [words.cosign_name, name ?? words.cosign_unnamed],
    [words.key_number, numberOf(brought)],
    [words.key_compare, words.key_compare_text],
  ];
}

/**
 * The question, and what is signed.
 * @param {string} kind @param {Uint8Array<ArrayBuffer>} payload @param {string} tenant @param {string} enterprise
 * @param {{ version: number, words: any } | null} vocabulary words of a later version, where the terms pin one
 * @param {Told} [told]
 * @returns {{ question: string, rows: Rows, widens: boolean, yes: string, no: string }}
 */
export function meaning(kind, payload, tenant, enterprise, vocabulary, told = {}) {
  const claims = only(JSON.parse(decode(payload)), ['v', 'aud', 'jti', 'iat', 'exp', 'event']);
  if (claims.v !== 1 || claims.aud !== tenant) throw new Error('expected an event of this enterprise');
  /** @type {Rows} */
  const whose = told.ward ? [[words.for_whom, told.ward]] : [];
  const plain = (/** @type {string} */ question, /** @type {Rows} */ rows) => ({
    question,
    rows: /** @type {Rows} */ ([...whose, [words.enterprise, enterprise], ...rows]),
    widens: false,
    yes: words.sign_yes,
    no: words.sign_no,
  });
  const terms = (/** @type {string} */ question, /** @type {any} */ event) => ({
    ...plain(question, termsInWords(event.terms, vocabulary)),
    widens: true,
    yes: words.agree,
    no: words.not_agree,
  });
  switch (kind) {
    case 'grant.given': {
      const event = only(claims.event, ['sub', 'terms', 'request', 'mandate']);
      const { rows, ...rest } = terms(words.sign_grant, event);
      return { ...rest, rows: [...rows, ...byRule(event)] };
    }
    case 'mandate.given': {
      const asked = plain(words.sign_mandate, rulesInWords(claims.event, vocabulary));
      return { ...asked, widens: true, yes: words.agree, no: words.not_agree };
    }
    case 'grant.amended': {
      const event = only(claims.event, ['sub', 'grant', 'terms']);
      const { rows, ...rest } = terms(words.sign_amend, event);
      return { ...rest, rows: [[words.grant, event.grant], ...rows] };
    }
    case 'request.declined': {
      const event = only(claims.event, ['sub', 'request', 'unless', 'mandate']);
      return plain(words.sign_decline, [[words.request, event.request], ...wishInWords(event.unless), ...byRule(event)]);
    }
    case 'milestone.confirmed': {
      const event = only(claims.event, ['sub', 'record', 'milestone', 'title', 'reached_on']);
      return plain(words.sign_milestone, [
        [words.reached, event.title],
        [words.reached_on, dayNamed(event.reached_on)],
        [words.record, `${event.record} · ${event.milestone}`],
      ]);
    }
    case 'key.enrolled': {
      const { evidence } = only(claims.event, ['sub', 'key', 'evidence']);
      if (evidence !== 'enrolled_key') throw new Error('expected a key for which another one vouches');
      return { ...plain(words.sign_key, newKey(told)), widens: true };
    }
    case 'guardian.named': {
      const event = only(claims.event, ['sub', 'key', 'evidence', 'birth_day', 'until']);
      return plain(words.sign_guardian, [...newKey(told), [words.guardian_until, dayNamed(event.until)]]);
    }
    case 'signatories.agreed': {
      const event = only(claims.event, ['sub', 'keys', 'needed']);
      const named = event.keys.map((/** @type {string} */ key) => keyInWords(key, told));
      return plain(words.sign_signatories, [[words.signatories_needed, String(event.needed)], [words.signatories_keys, list(named)]]);
    }
    case 'grant.paused':
      return plain(words.sign_pause, [[words.grant, only(claims.event, ['sub', 'grant']).grant]]);
    case 'grant.resumed':
      return plain(words.sign_resume, [[words.grant, only(claims.event, ['sub', 'grant']).grant]]);
    default:
      throw new Error('expected an event that is signed here');
  }
}
