const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const withYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

const DAY_MS = 24 * 60 * 60 * 1000;

/** The time of day: 14:05. */
export function timeOfDay(date) {
  return clock.format(date);
}

/** The time of day where room is scarce: 2:05, where that is followed by PM. */
export function shortTimeOfDay(date) {
  const parts = clock.formatToParts(date).filter(({ type }) => type !== "dayPeriod");
  return parts.map(({ value }) => value).join("").trim();
}

/** Date and time in full, for a tooltip. */
export function fullDate(date) {
  return full.format(date);
}

/** The name of a day for a divider: Today, Yesterday, Monday 17 November, 3 March 2024. */
export function dayName(date, now) {
  const days = Math.round((startOfDay(now) - startOfDay(date)) / DAY_MS);
  if (days === 0) {
    return "Today";
  }
  if (days === 1) {
    return "Yesterday";
  }
  return date.getFullYear() === now.getFullYear() ? weekday.format(date) : withYear.format(date);
}

/** How long until a date, in words: in 6 days, in 3 hours, in a moment. */
export function untilWords(date, now) {
  const minutes = Math.round((date - now) / 60_000);
  if (minutes < 1) {
    return "in a moment";
  }
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "always" });
  if (minutes < 90) {
    return words.format(minutes, "minute");
  }
  const hours = Math.round(minutes / 60);
  return hours < 48 ? words.format(hours, "hour") : words.format(Math.round(hours / 24), "day");
}

function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}
