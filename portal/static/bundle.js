/** The page that verifies bundles of compliance proofs with the second verifier. */
import { bytesAt, make, onSubmit, say, verdict } from './words.js';

onSubmit('bundle', async (form) => {
    const [{ verifyBundle }, { parseLogKeys }, { parseStatementPolicy }, { dateText }] = await Promise.all([
        import('../../sdk/verifier/src/bundle.js'),
        import('../../sdk/verifier/src/checkpoint.js'),
        import('../../sdk/verifier/src/statement-policy.js'),
        import('../../sdk/verifier/src/calendar.js'),
    ]);
    /** @param {string} name */
    const files = (name) => [.../** @type {HTMLInputElement} */ (form.elements.namedItem(name)).files ?? []];
    const own = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem('keys')).value.trim();
    const keys = own === '' ? new TextDecoder().decode(await bytesAt(form.dataset.keys ?? '')) : `${own}\n`;
    const rules = {
        keys: parseLogKeys(keys),
        policy: parseStatementPolicy(new Uint8Array(await files('policy')[0].arrayBuffer())),
    };
    const tables = [];
    let chain;
    for (const file of files('bundles')) {
        const verified = verifyBundle(new Uint8Array(await file.arrayBuffer()), { ...rules, chain });
        chain = verified.chain;
        tables.push(...tableOf(verified.report, dateText));
        // between two bundles the page may paint
        await new Promise((painted) => setTimeout(painted, 0));
    }
    verdict(true, [
        make('strong', [say('good')]),
        ...tables,
        ...(own === '' ? [make('p', [say('on-word')], 'note')] : []),
    ]);
});

/**
 * @param {import('../../sdk/verifier/src/report.js').Report} report @param {(day: number) => string} dateText
 */
function tableOf(report, dateText) {
    const row = (/** @type {string[]} */ cells, /** @type {string} */ cell) => (
        make('tr', cells.map((text, i) => make(i === 0 ? 'th' : cell, [text], i === 0 ? undefined : 'n')))
    );
    const asked = report.statements.filter((statement) => statement.asked);
    return [
        make('p', [`${say('day')} ${dateText(report.day)} · ${say('entries')}: ${report.ownEntries}`]),
        make('table', [
            make('thead', [row([say('statement'), say('proved'), say('exceptions')], 'th')]),
            make('tbody', asked.map(({ statement, entries, exceptions }) => row([statement, `${entries}`, `${exceptions}`], 'td'))),
        ]),
    ];
}
