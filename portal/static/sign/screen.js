// What is on the screen: built of elements and text, never of markup.

/** @typedef {Node | string | null | undefined | false} Part */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, string>} [attributes] @param {...Part} parts
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...parts) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...parts.filter((part) => part !== null && part !== undefined && part !== false));
  return element;
}

/** Shows a screen in place of the one before, and moves the focus to it. @param {string} title @param {...Part} parts */
export function show(title, ...parts) {
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  main.replaceChildren(el('h1', {}, title), ...parts.filter((part) => part instanceof Node || typeof part === 'string'));
  document.title = `${title} · Grantbook`;
  main.focus();
}

/** Names and values. @param {[string, Part | Part[]][]} rows */
export const facts = (rows) =>
  el('dl', {}, ...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, ...(Array.isArray(value) ? value : [value]))]));

/** @param {string[]} lines */
export const list = (lines) => el('ul', {}, ...lines.map((line) => el('li', {}, line)));

/**
 * Waits for one of several buttons, all of one size.
 * @param {HTMLElement} place where they are put
 * @param {Record<string, string>} labels by answer
 * @param {(answer: string) => boolean} [takes] whether an answer counts yet
 * @returns {Promise<string>}
 */
export function choose(place, labels, takes = () => true) {
  return new Promise((resolve) => {
    const row = el('p', { class: 'choices' });
    for (const [answer, label] of Object.entries(labels)) {
      const button = el('button', { type: 'button', 'data-answer': answer }, label);
      button.addEventListener('click', () => {
        if (!takes(answer)) return;
        for (const other of row.querySelectorAll('button')) other.disabled = true;
        resolve(answer);
      });
      row.append(button);
    }
    place.append(row);
  });
}

/**
 * Waits for a line of text. Asks again, with the hint, as long as `read` gives null.
 * @template T
 * @param {HTMLElement} place @param {{ label: string, button: string, hint: string, other?: string, value?: string }} words
 * @param {(typed: string) => Promise<T | null>} read
 * @returns {Promise<T | null>} null where the other button was chosen
 */
export function type(place, words, read) {
  return new Promise((resolve, reject) => {
    const input = el('input', { id: 'typed', autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false' });
    const hint = el('p', { role: 'alert', class: 'hint' });
    const form = el('form', {}, el('label', { for: 'typed' }, words.label), input, hint);
    const row = el('p', { class: 'choices' }, el('button', { type: 'submit' }, words.button));
    if (words.other) {
      const other = el('button', { type: 'button', 'data-answer': 'other' }, words.other);
      other.addEventListener('click', () => resolve(null));
      row.append(other);
    }
    form.append(row);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      read(input.value).then((value) => {
        if (value === null) hint.textContent = words.hint;
        else resolve(value);
      }, reject);
    });
    if (words.value) input.value = words.value;
    place.append(form);
    input.focus();
  });
}
