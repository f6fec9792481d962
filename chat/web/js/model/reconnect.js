/** WebSocket close codes of Snug's own, and 1012 of RFC 6455's registry. */
export const CLOSE = {
  serviceRestart: 1012,
  notLoggedIn: 4401,
  tooSlow: 4408,
  tooMuch: 4429,
};

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 20_000;
const TOO_MUCH_DELAY_MS = 10_000;

/**
 * How many milliseconds to wait before connecting again.
 *
 * attempt: how many connections in a row have failed before, 0 for the first; code: the close code;
 * retryAfter: the seconds a goodbye asked for, or null; random: in [0, 1).
 *
 * Exponential, and spread by chance, so that a server that comes back is not met by everybody at once. What a goodbye
 * asks for is kept, give or take a moment.
 */
export function reconnectDelay({ attempt, code, retryAfter, random }) {
  if (retryAfter !== null) {
    return retryAfter * 1000 + random * 100;
  }
  const grown = Math.min(FIRST_DELAY_MS * 2 ** attempt, LONGEST_DELAY_MS);
  const base = code === CLOSE.tooMuch ? Math.max(grown, TOO_MUCH_DELAY_MS) : grown;
  return base * (0.5 + random / 2);
}
