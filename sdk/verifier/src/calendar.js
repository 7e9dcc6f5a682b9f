/** Days, months and years of the log: seconds and days since 2020-01-01, UTC. */

const EPOCH_MS = Date.UTC(2020, 0, 1);
const DAY_SECONDS = 86_400;

/** First and last second of a day, since 2020. @param {number} day */
export function secondsOf(day) {
    const from = BigInt(day * DAY_SECONDS);
    return { from, to: from + BigInt(DAY_SECONDS - 1) };
}

/** Unix time of a second since 2020. @param {bigint} seconds */
export function unixSeconds(seconds) {
    return seconds + BigInt(EPOCH_MS / 1000);
}

/** First second of a month, since 2020. @param {number} month since 2020-01 */
export function monthStart(month) {
    return BigInt((Date.UTC(2020, month, 1) - EPOCH_MS) / 1000);
}

/** `YYYY-MM-DD`. @param {number} day */
export function dateText(day) {
    return new Date(EPOCH_MS + day * DAY_SECONDS * 1000).toISOString().slice(0, 10);
}

/** The same day so many years earlier, or 28 February for the 29th; in days since 1900-01-01. @param {number} day @param {number} years */
export function yearsBefore(day, years) {
    const date = new Date(EPOCH_MS + day * DAY_SECONDS * 1000);
    const year = date.getUTCFullYear() - years, month = date.getUTCMonth();
    const lastOfMonth = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    const earlier = Date.UTC(year, month, Math.min(date.getUTCDate(), lastOfMonth));
    return BigInt((earlier - Date.UTC(1900, 0, 1)) / 1000 / DAY_SECONDS);
}
