/** What scripts say: the server puts the words into the page, in the page's language. */

/** @param {string} key @returns {string} */
export function say(key) {
    const words = /** @type {HTMLTemplateElement | null} */ (document.getElementById('words'));
    return words?.content.querySelector(`[data-key="${key}"]`)?.textContent ?? key;
}

/**
 * An element with texts and other elements in it. Never markup: the policy of the page forbids it.
 * @param {string} name @param {(Node | string)[]} children @param {string} [className]
 */
export function make(name, children, className) {
    const element = document.createElement(name);
    if (className !== undefined) element.className = className;
    element.append(...children);
    return element;
}

/** Shows what a check came to. @param {boolean} good @param {(Node | string)[]} children */
export function verdict(good, children) {
    const outcome = document.getElementById('outcome');
    outcome?.replaceChildren(make('div', children, good ? 'verdict' : 'verdict bad'));
}

/** Shows that a check is under way, and lets the browser paint it. @param {string} words */
export async function working(words) {
    document.getElementById('outcome')?.replaceChildren(make('p', [words], 'quiet'));
    await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted, 0)));
}

/** The bytes at an address of this server. @param {string} address */
export async function bytesAt(address) {
    const response = await fetch(address, { cache: 'no-store' });
    if (!response.ok) throw new TypeError(`${address}: status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
}

/** Runs a check when its form is sent; errors become the verdict. @param {string} id @param {(form: HTMLFormElement) => Promise<void>} check */
export function onSubmit(id, check) {
    const form = /** @type {HTMLFormElement | null} */ (document.getElementById(id));
    form?.addEventListener('submit', async (event) => {
        event.preventDefault();
        const button = form.querySelector('button');
        if (button !== null) button.disabled = true;
        try {
            await working(say('working'));
            await check(form);
        } catch (error) {
            const offline = error instanceof TypeError;
            const detail = error instanceof Error ? error.message : String(error);
            verdict(false, offline ? [say('offline')] : [make('strong', [say('bad')]), make('p', [detail])]);
        } finally {
            if (button !== null) button.disabled = false;
        }
    });
}
