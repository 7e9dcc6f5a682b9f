// The words of the page, in both languages.

import { TERMS } from './terms.js';

const ENGLISH = {
  tag: 'en',
  sign_grant: 'Do you agree?',
  sign_amend: 'Do you agree to these new terms?',
  sign_decline: 'Decline this request?',
  sign_milestone: 'Confirm that this was reached?',
  sign_pause: 'Pause this grant?',
  sign_resume: 'Let this grant go on?',
  what_is_signed: 'This is what you sign, read from the very bytes.',
  bytes: 'The bytes',
  sign_yes: 'Sign',
  sign_no: 'Do not sign',
  agree: 'Agree',
  not_agree: 'Do not agree',
  signed: 'Signed',
  signed_text: 'Your signature is on the log.',
  not_signed: 'Nothing was signed',
  not_signed_text: 'You can close this page, or go back.',
  go_on: 'Go on',
  back: 'Back to the portal',
  back_to: 'Back to where you came from',
  enterprise: 'Company',
  grant: 'Grant',
  request: 'Request',
  reached: 'What was reached',
  reached_on: 'When',
  record: 'Record of the company',
  recipient: 'Who receives the data',
  controller: 'Who decides about it',
  purpose: 'What for',
  data: 'Which data',
  without: 'Without',
  all_fields: 'everything recorded',
  any_time: 'whenever it arose',
  from_to: (/** @type {string} */ from, /** @type {string} */ to) => `${from} to ${to}`,
  only_where: (/** @type {string} */ what) => `only where ${what}`,
  validity: 'How long',
  uses: 'How often',
  at_most: (/** @type {number} */ uses) => `at most ${uses} times`,
  within: (/** @type {number} */ uses, /** @type {number} */ seconds) => `at most ${uses} times in ${seconds} seconds`,
  any_number: 'any number of times',
  kept: 'How long it is kept',
  days: (/** @type {number} */ days) => `${days} days after each use`,
  no_limit: 'no limit is named',
  pay: 'What you get',
  nothing: 'no money',
  per_use: (/** @type {string} */ price) => `${price} for each use`,
  per_grant: (/** @type {string} */ price) => `${price} once`,
  share: (/** @type {string} */ percent) => `${percent} of what is earned with it`,
  other_pay: 'see the bytes',
  duties: 'What they must do',
  consents: 'You agree separately to this',
  consents_text: 'Tick each by itself. One tick never counts for two.',
  consents_missing: 'Nothing is signed yet: tick each of these consents, or do not agree.',
  no_sentence: 'The words in which a separate consent is asked are not those that you would sign. Nothing was signed.',
  given_before: (/** @type {string} */ when) => `You gave this on ${when}.`,
  consent_to: {
    'automated-decision': 'Decisions about you that no person makes',
    'cross-border': 'Your data goes to another country',
    'derived-asset': 'Something new is made of your data',
    'public-disclosure': 'Your data is made known to everybody',
    sensitive: 'Sensitive data',
    special: 'Special categories of data',
    'third-party': 'Your data goes to another company',
  },
  laws: { 'data-act': 'Data Act', dpdp: 'DPDP Act', gdpr: 'GDPR', pipl: 'PIPL' },
  law_article: (/** @type {string} */ law, /** @type {string} */ article) => `${law} Art. ${article}`,
  vocabulary: 'Words',
  vocabulary_of: (/** @type {number} */ version) => `version ${version} of the company’s own; the signed term stands beside each`,
  unless: 'Ask me again only',
  unless_without: (/** @type {string} */ what) => `without ${what}`,
  unless_days: (/** @type {number} */ days) => `for at most ${days} days`,
  unless_kept: (/** @type {number} */ days) => `if it is deleted within ${days} days of each use`,
  unless_uses: (/** @type {number} */ uses) => `for at most ${uses} uses`,
  unless_price: (/** @type {string} */ price) => `if it pays at least ${price}`,
  supersedes: 'Ends this earlier grant',
  mask: (/** @type {string} */ what) => `hide ${what}`,
  keep: (/** @type {string} */ what) => `use only ${what}`,
  generalise: (/** @type {string} */ what) => `coarsen ${what}`,
  delete_by: (/** @type {number} */ days) => `delete it within ${days} days`,
  watermark: 'mark what is passed on',
  notify: (/** @type {string} */ whom) => `tell ${whom} of each use`,
  invited: (/** @type {string} */ who) => `${who} invites you`,
  asked: (/** @type {string} */ who) => `${who} asks you something`,
  invited_text: 'Here you see what is done with your data there, say yes or no, and stop it at any time.',
  new_account: 'Make an account',
  log_in: 'Log in',
  log_in_text: 'With the passkey of your device: no password.',
  step_up: 'Show your passkey once more',
  step_up_text: 'What comes next cannot be undone. So that nobody else does it on your device, your passkey is asked for again.',
  have_account: 'I have an account',
  lost: 'I have lost my device',
  passkey_text: 'Your device will ask you to make a passkey: your finger, face or PIN. Nothing of it leaves the device.',
  code_title: 'Write this code down',
  code_text:
    'If you lose every device, this code is the only way back. Nobody else has it: not us, not the company. It is shown this once.',
  code_written: 'I have written it down',
  code_again: 'Type the last four characters, so that we know it is right',
  code_wrong: 'These are not the last four characters of the code.',
  code_type: 'Recovery code',
  code_mistyped: 'That is no recovery code. Compare each group of four.',
  code_for: (/** @type {string} */ who) => `So that the code works for ${who} too`,
  code_for_text: 'Type your recovery code. It stays in this browser. Without it, a lost key there cannot be replaced.',
  skip: 'Go on without it',
  key_title: (/** @type {string} */ who) => `Your key for ${who}`,
  key_text:
    'Your browser has made a key for this company alone. You sign with it what you agree to; nobody else can. Now your passkey confirms that it is yours.',
  make_key: 'Enrol the key',
  enrolled: 'You are set',
  enrolled_text: (/** @type {string} */ who) => `Only you can now agree to anything that ${who} asks.`,
  waiting: 'Almost there',
  waiting_text: (/** @type {string} */ who) => `${who} now confirms that the key is its customer’s. You need not wait here.`,
  recover_title: 'Back in with your recovery code',
  recover_text: 'Type the code that you wrote down. Your old devices will be locked out.',
  begun_text: 'You have begun this before. Type the new code that you were shown then.',
  recover: 'Recover',
  recovered: 'You are back',
  recovered_text: 'Your old devices can no longer sign or log in. The old code is worthless; keep the new one.',
  unsupported: 'This browser cannot sign',
  unsupported_text:
    'It lacks Ed25519 keys or passkeys. Use a current Chrome, Edge, Firefox or Safari; or sign with the command grantbook grant. You can still stop sharing on the portal’s pages.',
  no_key: 'The key is on another device',
  no_key_text: 'Sign there; or, if it is lost, recover with your code.',
  failed: 'That did not work',
  nothing_here: 'There is nothing to sign here',
  expired: 'This link is used or has expired. Ask for another one.',
};

/** @type {typeof ENGLISH} */
const CHINESE = {
  tag: 'zh-CN',
  sign_grant: '您是否同意？',
  sign_amend: '您是否同意这些新条款？',
  sign_decline: '要拒绝这项请求吗？',
  sign_milestone: '确认已经达成吗？',
  sign_pause: '要暂停这项授权吗？',
  sign_resume: '要恢复这项授权吗？',
  what_is_signed: '以下就是您要签署的内容，直接读自待签名的原文。',
  bytes: '待签名原文',
  sign_yes: '签署',
  sign_no: '不签署',
  agree: '同意',
  not_agree: '不同意',
  signed: '已签署',
  signed_text: '您的签名已写入日志。',
  not_signed: '未签署任何内容',
  not_signed_text: '您可以关闭本页，或返回。',
  go_on: '继续',
  back: '返回门户',
  back_to: '返回原来的页面',
  enterprise: '企业',
  grant: '授权',
  request: '请求',
  reached: '达成的内容',
  reached_on: '日期',
  record: '企业的记录',
  recipient: '谁会收到数据',
  controller: '由谁决定如何使用',
  purpose: '用途',
  data: '哪些数据',
  without: '不包括',
  all_fields: '全部记录',
  any_time: '不限产生时间',
  from_to: (from, to) => `${from}至${to}`,
  only_where: (what) => `仅限${what}`,
  validity: '有效期',
  uses: '使用次数',
  at_most: (uses) => `最多 ${uses} 次`,
  within: (uses, seconds) => `每 ${seconds} 秒最多 ${uses} 次`,
  any_number: '次数不限',
  kept: '保留多久',
  days: (days) => `每次使用后 ${days} 天`,
  no_limit: '未约定期限',
  pay: '您得到什么',
  nothing: '没有报酬',
  per_use: (price) => `每次使用 ${price}`,
  per_grant: (price) => `一次性 ${price}`,
  share: (percent) => `相关收入的 ${percent}`,
  other_pay: '见原文',
  duties: '对方必须做到',
  consents: '您单独同意以下事项',
  consents_text: '请逐项勾选。一次勾选只对一项有效。',
  consents_missing: '尚未签署：请逐项勾选，或者不同意。',
  no_sentence: '询问单独同意的文字与您将要签署的不一致。未签署任何内容。',
  given_before: (when) => `您已于${when}同意此项。`,
  consent_to: {
    'automated-decision': '无人参与的自动化决策',
    'cross-border': '数据出境',
    'derived-asset': '用您的数据形成新的产品',
    'public-disclosure': '向所有人公开您的数据',
    sensitive: '敏感个人信息',
    special: '特殊类别的个人数据',
    'third-party': '向其他企业提供您的数据',
  },
  laws: { 'data-act': '欧盟《数据法》', dpdp: '印度《数字个人数据保护法》', gdpr: '欧盟《通用数据保护条例》', pipl: '《个人信息保护法》' },
  law_article: (law, article) => `${law}第 ${article} 条`,
  vocabulary: '用词',
  vocabulary_of: (version) => `企业自有用词第 ${version} 版，括号内为实际签署的词`,
  unless: '满足以下条件才可再次询问',
  unless_without: (what) => `不包括${what}`,
  unless_days: (days) => `最多 ${days} 天`,
  unless_kept: (days) => `每次使用后 ${days} 天内删除`,
  unless_uses: (uses) => `最多使用 ${uses} 次`,
  unless_price: (price) => `至少支付 ${price}`,
  supersedes: '同时终止此前的授权',
  mask: (what) => `遮盖${what}`,
  keep: (what) => `只使用${what}`,
  generalise: (what) => `模糊处理${what}`,
  delete_by: (days) => `${days} 天内删除`,
  watermark: '为转交的数据加水印',
  notify: (whom) => `每次使用都通知${whom}`,
  invited: (who) => `${who} 邀请您`,
  asked: (who) => `${who} 有事问您`,
  invited_text: '在这里，您可以看到对方如何使用您的数据，决定同意或拒绝，并可随时停止。',
  new_account: '新建账户',
  log_in: '登录',
  log_in_text: '使用本设备的通行密钥，无需密码。',
  step_up: '再次出示通行密钥',
  step_up_text: '接下来的操作无法撤回。为防止他人在您的设备上操作，请再次出示通行密钥。',
  have_account: '我已有账户',
  lost: '我的设备丢了',
  passkey_text: '设备会请您创建通行密钥：指纹、面容或 PIN 码都可以。这些信息不会离开设备。',
  code_title: '请抄下这个恢复码',
  code_text: '如果所有设备都丢失，只有它能让您回来。除您之外无人知道：我们和企业都没有。它只显示这一次。',
  code_written: '我已抄好',
  code_again: '请输入最后四个字符，确认无误',
  code_wrong: '这不是恢复码的最后四个字符。',
  code_type: '恢复码',
  code_mistyped: '这不是恢复码，请逐组核对。',
  code_for: (who) => `让恢复码也能用于${who}`,
  code_for_text: '请输入您的恢复码，它不会离开本浏览器。不输入的话，在那里的密钥丢失后将无法更换。',
  skip: '暂不输入',
  key_title: (who) => `您在${who}的密钥`,
  key_text: '浏览器已为这家企业单独生成一把密钥。您用它签署同意的内容，别人无法代签。现在请用通行密钥确认它属于您。',
  make_key: '登记密钥',
  enrolled: '一切就绪',
  enrolled_text: (who) => `从现在起，${who} 的任何请求，只有您本人才能同意。`,
  waiting: '就快好了',
  waiting_text: (who) => `接下来由${who}确认这把密钥属于其客户，您不必在此等候。`,
  recover_title: '用恢复码找回',
  recover_text: '请输入您抄下的恢复码。旧设备将被停用。',
  begun_text: '您之前已开始找回。请输入当时显示的新恢复码。',
  recover: '找回',
  recovered: '已找回',
  recovered_text: '旧设备不能再签名或登录。旧恢复码已作废，请保管好新的。',
  unsupported: '此浏览器无法签名',
  unsupported_text:
    '它不支持 Ed25519 密钥或通行密钥。请使用新版 Chrome、Edge、Firefox 或 Safari，或用命令 grantbook grant 签名。停止共享仍可在门户页面上操作。',
  no_key: '密钥在另一台设备上',
  no_key_text: '请在那台设备上签署；如果已丢失，请用恢复码找回。',
  failed: '没有成功',
  nothing_here: '这里没有需要签署的内容',
  expired: '此链接已被使用或已过期，请重新索取。',
};

/** The language that was chosen on the portal's pages, else the browser's first of the two. */
function chosen() {
  const cookie = document.cookie.split('; ').find((pair) => pair.startsWith('lang='))?.slice(5);
  const tags = [cookie, ...navigator.languages].filter((tag) => /^(en|zh)\b/i.test(tag ?? ''));
  return /^zh/i.test(tags[0] ?? 'en') ? CHINESE : ENGLISH;
}

export const words = chosen();

/** @typedef {{ purpose: (term: string) => string, category: (term: string) => string, field: (category: string, field: string) => string }} Names */

/**
 * The names of a version's terms; a term is shown as it is where the version has none for it. Of the first version they are this
 * page's own. Of a later one the server tells them, and beside each name stands the term, which is what is signed.
 *
 * @param {number} version that the terms pin @param {{ version: number, words: any } | null} told @returns {Names}
 */
export function namesOf(version, told) {
  if (version !== 1 && told?.version !== version) throw new Error('expected the words that the terms pin');
  /** @type {import('./terms.js').Terms} */
  const terms = version === 1 ? TERMS : told?.words;
  const shown = (/** @type {Record<string, string> | undefined} */ known, /** @type {string} */ term) => {
    const name = known?.[words.tag];
    if (name === undefined) return term;
    return version === 1 ? name : `${name} (${term})`;
  };
  return {
    purpose: (term) => shown(terms.purposes?.[term], term),
    category: (term) => shown(terms.categories?.[term]?.label, term),
    field: (category, field) => shown(terms.categories?.[category]?.fields[field], field),
  };
}

/** What a separate consent is to; as it is where it is none that laws know. @param {string} to */
export const consentNamed = (to) => /** @type {Record<string, string>} */ (words.consent_to)[to] ?? to;

/** @param {string} law @param {string} article */
export const lawNamed = (law, article) =>
  words.law_article(/** @type {Record<string, string>} */ (words.laws)[law] ?? law, article);

/** A moment, Unix seconds. @param {number} seconds */
export const moment = (seconds) =>
  new Intl.DateTimeFormat(words.tag, { dateStyle: 'long', timeStyle: 'short' }).format(new Date(seconds * 1000));

/** A day as it is written in terms. @param {string} day */
export const dayNamed = (day) =>
  new Intl.DateTimeFormat(words.tag, { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(`${day}T00:00:00Z`));

/** @param {{ currency: string, minor: number }} price */
export function money({ currency, minor }) {
  const format = new Intl.NumberFormat(words.tag, { style: 'currency', currency, currencyDisplay: 'code' });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(minor / 10 ** digits);
}
