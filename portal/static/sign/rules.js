// What a mandate says, in plain words: docs/spec/mandate.md. A mandate that has a member which is not shown here is not signed here.

import { only } from './only.js';
import { list } from './screen.js';
import { consentNamed, moment, money, namesOf, words } from './words.js';

/** @typedef {import('./words.js').Names} Names */

/** @param {string[] | undefined} terms @param {(term: string) => string} name */
const named = (terms, name) => (terms ?? []).map(name).join(', ');

/** @param {any} given @param {Names} names */
function aboutInWords(given, names) {
  const when = only(given ?? {}, ['recipients', 'kinds', 'purposes', 'categories', 'templates']);
  const whom = [...(when.recipients ?? []), ...(when.kinds ?? []).map(names.party)].join(', ');
  const lines = [];
  if (whom) lines.push(words.rule_kinds(whom));
  if (when.purposes?.length) lines.push(words.rule_purposes(named(when.purposes, names.purpose)));
  if (when.categories?.length) lines.push(words.rule_categories(named(when.categories, names.category)));
  if (when.templates?.length) lines.push(words.rule_templates(when.templates.join(', ')));
  return lines.length > 0 ? lines : [words.rule_every];
}

/** @param {any} floor */
function floorInWords(floor) {
  const known = only(floor, ['per_use', 'per_grant', 'revenue_share', 'benefit']);
  if (known.per_use) return words.per_use(money(known.per_use));
  if (known.per_grant) return words.per_grant(money(known.per_grant));
  if (known.revenue_share) {
    const { currency, basis_points } = only(known.revenue_share, ['currency', 'basis_points']);
    return words.rule_share(`${basis_points / 100} % (${currency})`);
  }
  return String(only(known.benefit, ['what']).what);
}

/** @param {any} given @param {Names} names */
function boundsInWords(given, names) {
  if (given === undefined) return [words.rule_nothing];
  const accept = only(given, [
    'categories', 'never', 'price_min', 'validity_days_max', 'retention_days_max', 'uses_max', 'level_max', 'consents',
  ]);
  const lines = [];
  if (accept.categories?.length) lines.push(words.rule_only(named(accept.categories, names.category)));
  for (const data of accept.never ?? []) {
    const { category, fields } = only(data, ['category', 'fields']);
    const which = fields && fields.map((/** @type {string} */ field) => names.field(category, field)).join(', ');
    lines.push(words.rule_never([names.category(category), which].filter(Boolean).join(' · ')));
  }
  if (accept.price_min?.length) lines.push(words.rule_pays(accept.price_min.map(floorInWords).join(' / ')));
  if (accept.validity_days_max !== undefined) lines.push(words.rule_validity(accept.validity_days_max));
  if (accept.retention_days_max !== undefined) lines.push(words.rule_kept(accept.retention_days_max));
  if (accept.uses_max !== undefined) lines.push(words.rule_uses(accept.uses_max));
  if (accept.level_max !== undefined) lines.push(words.rule_level(accept.level_max));
  if (accept.consents?.length) lines.push(words.rule_consents(accept.consents.map(consentNamed).join(', ')));
  return lines.length > 0 ? lines : [words.rule_anything];
}

/** @param {string | undefined} outside */
function outsideInWords(outside) {
  if (outside === undefined || outside === 'ask') return words.rule_ask;
  if (outside === 'decline') return words.rule_decline;
  throw new Error('expected ask or decline');
}

/**
 * @param {any} given the event @param {{ version: number, words: any } | null} vocabulary
 * @returns {import('./meaning.js').Rows}
 */
export function rulesInWords(given, vocabulary) {
  const event = only(given, ['sub', 'from', 'agent', 'until', 'depth', 'vocabulary', 'rules', 'otherwise']);
  const version = event.vocabulary ?? 1;
  const names = namesOf(version, vocabulary);
  /** @type {import('./meaning.js').Rows} */
  const rows = event.rules.flatMap((/** @type {any} */ one) => {
    const rule = only(one, ['when', 'accept', 'otherwise']);
    return [
      [words.rule_about, list(aboutInWords(rule.when, names))],
      [words.rule_accepts, list(boundsInWords(rule.accept, names))],
      [words.rule_outside, outsideInWords(rule.otherwise)],
    ];
  });
  rows.push([words.rule_others, outsideInWords(event.otherwise)], [words.rule_until, moment(event.until)]);
  rows.push([words.rule_agent, words.rule_agent_text(only(event.agent, ['crv', 'kty', 'x']).x)]);
  if (event.depth) rows.push([words.rule_agent, words.rule_depth(event.depth)]);
  if (version !== 1) rows.push([words.vocabulary, words.vocabulary_of(version)]);
  return rows;
}
