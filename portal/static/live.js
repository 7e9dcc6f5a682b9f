/** Shows which gates have taken a withdrawal in, as they do. Without it the page shows how it was when it was loaded. */
import { make } from './words.js';

/** @typedef {{ gates: { gate: string, taken: boolean, says: string }[], says: string }} Taken */

const place = document.getElementById('taken');
const address = place?.dataset.live;
if (place !== null && address !== undefined) {
    const events = new EventSource(address);
    /** @param {MessageEvent<string>} event */
    const show = ({ data }) => {
        const { gates, says } = /** @type {Taken} */ (JSON.parse(data));
        const items = gates.map(({ gate, taken, says: since }) => (
            make('li', [make('code', [gate]), ' ', make('span', [since])], taken ? 'yes' : 'no')
        ));
        place.replaceChildren(make('ul', items, 'taken'), make('p', [says], 'quiet'));
    };
    events.addEventListener('taken', show);
    events.addEventListener('complete', (event) => {
        show(event);
        events.close();
    });
}
