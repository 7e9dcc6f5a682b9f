/** The page that checks one receipt. The verifier is loaded when it is asked for. */
import { bytesAt, make, onSubmit, say, verdict } from './words.js';

onSubmit('check', async (form) => {
    const [{ verifyReceipt }, { parseLogKeys }] = await Promise.all([
        import('./receipt-check.js'), import('../../sdk/verifier/src/checkpoint.js'),
    ]);
    const field = /** @type {HTMLTextAreaElement | null} */ (form.elements.namedItem('keys'));
    const file = /** @type {HTMLInputElement | null} */ (form.elements.namedItem('file'))?.files?.[0];
    const own = field?.value.trim() ?? '';
    const keys = own === '' ? new TextDecoder().decode(await bytesAt(form.dataset.keys ?? '')) : `${own}\n`;
    const bytes = file === undefined ? await bytesAt(form.dataset.receipt ?? '') : new Uint8Array(await file.arrayBuffer());
    const checked = verifyReceipt(bytes, parseLogKeys(keys));
    const when = new Date(Number(checked.signedAt) * 1000);
    const time = make('time', [when.toLocaleString(document.documentElement.lang)]);
    time.setAttribute('datetime', when.toISOString());
    verdict(true, [
        make('strong', [say('good')]),
        make('ul', [...checked.steps.map((step) => say(`step-${step}`)), say(own === '' ? 'step-keys-served' : 'step-keys-own')]
            .map((step) => make('li', [step]))),
        make('p', [`${say('signed-when')} `, time], 'quiet'),
        make('pre', [make('code', [readable(checked.content)])]),
        ...checked.opened.map(({ quantity, value }) => make('p', [`${say('committed-value')}: ${quantity} = ${value}`], 'quiet small')),
    ]);
});

/** @param {string} json */
function readable(json) {
    try {
        return JSON.stringify(JSON.parse(json), null, 2);
    } catch {
        return json;
    }
}
