/** The regulator's page: whether the log goes on from the state that this browser saw last. */
import { consistencyProof } from './consistency.js';
import { bytesAt, make, onSubmit, say, verdict } from './words.js';

const SEEN = 'grantbook-seen-checkpoint';

/** @typedef {{ keys: string, checkpoint: string }} Seen texts, as the log gave them */

/** @returns {Seen | undefined} */
function seen() {
    const kept = localStorage.getItem(SEEN);
    return kept === null ? undefined : JSON.parse(kept);
}

onSubmit('since-check', async () => {
    const [{ parseLogKeys, verifyCheckpoint }, { verifyConsistency }] = await Promise.all([
        import('../../sdk/verifier/src/checkpoint.js'), import('../../sdk/verifier/src/tree.js'),
    ]);
    const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes);
    const before = seen();
    // the keys of the first visit: a log that changes them is another log
    const keys = before?.keys ?? text(await bytesAt('/log/vkey'));
    const bytes = await bytesAt('/log/checkpoint');
    const { checkpoint } = verifyCheckpoint(bytes, parseLogKeys(keys));
    /** @type {Node[]} */
    const said = [];
    if (before === undefined) {
        said.push(make('strong', [say('first')]));
    } else {
        const old = verifyCheckpoint(new TextEncoder().encode(before.checkpoint), parseLogKeys(keys)).checkpoint;
        const proof = await consistencyProof(old.size, checkpoint.size, bytesAt);
        verifyConsistency(old.size, old.root, checkpoint.size, checkpoint.root, proof);
        const added = checkpoint.size - old.size;
        said.push(make('strong', [added === 0n ? say('same') : `${say('grown')} ${added}`]));
    }
    localStorage.setItem(SEEN, JSON.stringify({ keys, checkpoint: text(bytes) }));
    const forget = /** @type {HTMLButtonElement} */ (make('button', [say('forget')], 'button'));
    forget.type = 'button';
    forget.addEventListener('click', () => {
        localStorage.removeItem(SEEN);
        document.getElementById('outcome')?.replaceChildren();
    });
    verdict(true, [...said, make('p', [forget])]);
});
