/** The statements of a bundle, word for word as they are specified (docs/spec/compliance-proof.md). */
import { utf8 } from './bytes.js';
import { sha256 } from './sha2.js';

export const STATEMENTS_TEXT = `grantbook statements v1
 0 use-has-grant          -                             each use names a version of a grant
 1 values-in-range        R32 C                         each quantity of each grant.given and grant.amended, and each amount accrued that 4 leaves out
 2 time-of-day            R32 C - (from - late)         each time of the day's entries, and the start of an amendment
                          R32 to - C
 3 payout-floor           R32 C_payout - floor          each use that is paid per use
 4 payout-is-price        Z   C_payout - C_price        each use that is paid per use
                          Z   C_payout                  each other use
                          Z   C_amount - C_price        each amount accrued that is paid per grant
 5 use-within-validity    R32 C_time - C_start          each use
                          R32 C_end - 1 - C_time
 6 use-before-end         R32 C_ended + bound - C_time  each use, with the amendment after its version, and with the end of its grant
 7 use-not-paused         R32 C_paused + bound - C_time each use and pause: either this
                          R32 C_time - C_resumed        or, as disclosed, this
 8 uses-within-cap        R32 C_cap - count             each version with uses of the day
 9 deleted-in-time        R64 86400 C_days + C_time - C_deleted   each use whose data a deletion of the day covers
10 kept-in-time           R64 86400 C_days + C_time - until       each use whose data is kept: see below
11 acknowledged-in-time   R32 C_acknowledged - C_ended  each acknowledgement
                          R32 C_ended + within - C_acknowledged
12 unacknowledged-young   R32 C_ended + within - to     each end that nobody has acknowledged
13 age                    R32 born-by - C_birth_day     each grant.given and grant.amended with a birth day
14 pool-adds-up           Z   sum C_payout + sum C_amount - C_pool   each settlement
15 fair-pay               R64 of n_a sum C_b - per n_b sum C_a       each ordered pair of cohorts, at each close of a period
16 share-of-revenue       R64 C_revenue                 each settlement of a group that is paid a share
                          R64 points C_revenue - 10000 C_pool
                          R64 10000 C_pool + 9999 - points C_revenue
`;

/** Binds proofs to what is meant by them. */
export const SPEC_HASH = sha256(utf8(STATEMENTS_TEXT));

/** Names by number, and how each is proved: bits of a range, or 0 for zero. @type {readonly { name: string, bits: 0 | 32 | 64 }[]} */
export const STATEMENTS = [
    { name: 'use-has-grant', bits: 0 }, // without terms: nothing is proved
    { name: 'values-in-range', bits: 32 },
    { name: 'time-of-day', bits: 32 },
    { name: 'payout-floor', bits: 32 },
    { name: 'payout-is-price', bits: 0 },
    { name: 'use-within-validity', bits: 32 },
    { name: 'use-before-end', bits: 32 },
    { name: 'use-not-paused', bits: 32 },
    { name: 'uses-within-cap', bits: 32 },
    { name: 'deleted-in-time', bits: 64 },
    { name: 'kept-in-time', bits: 64 },
    { name: 'acknowledged-in-time', bits: 32 },
    { name: 'unacknowledged-young', bits: 32 },
    { name: 'age', bits: 32 },
    { name: 'pool-adds-up', bits: 0 },
    { name: 'fair-pay', bits: 64 },
    { name: 'share-of-revenue', bits: 64 },
];

/** Number of a statement where it is used by itself. */
export const USE_HAS_GRANT = 0, USES_WITHIN_CAP = 8;
