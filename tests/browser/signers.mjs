/**
 * What the second verifier says of receipts: `node signers.mjs`, and on standard input one JSON object: `vkey` and `receipts`, a list of
 * texts. Prints a list: `kind`, `sub` and `signer` (the key, base64url) of each that holds, `null` for any other.
 */
import { readFileSync } from 'node:fs';
import { ReceiptError, verifyReceipt } from '../../portal/static/receipt-check.js';
import { parseLogKeys } from '../../sdk/verifier/src/checkpoint.js';
import { VerifyError } from '../../sdk/verifier/src/error.js';

const { vkey, receipts } = JSON.parse(readFileSync(0, 'utf8'));
const keys = parseLogKeys(vkey);
const said = receipts.map((receipt) => {
    try {
        const { kind, content, signer } = verifyReceipt(new TextEncoder().encode(receipt), keys);
        return { kind, sub: JSON.parse(content).event?.sub, signer: signer && Buffer.from(signer).toString('base64url') };
    } catch (error) {
        if (error instanceof ReceiptError || error instanceof VerifyError) return null;
        throw error;
    }
});
console.log(JSON.stringify(said));
