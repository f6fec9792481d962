/** Messages of one author this close to each other are shown as one group. */
const GROUP_GAP_MS = 5 * 60 * 1000;

/**
 * What a message list shows, from top to bottom: day dividers, the unread line, and messages, of which
 * the first of each group carries the author (`lead`). Each row has a key that stays the same while a
 * message goes from pending to stored.
 *
 * messages: stored, in rising seq; pending: this person's own from the outbox, in the order written;
 * me: their author; unreadAfter: the seq after which the unread line is drawn, or null.
 */
export function rowsOf({ messages, pending = [], me, unreadAfter = null }) {
  const rows = [];
  let previous = null;
  for (const entry of [...messages.map(stored), ...pending.map((item) => unsent(item, me))]) {
    const newDay = !previous || previous.day !== entry.day;
    const unreadHere = startsUnread(entry, previous, unreadAfter);
    if (newDay) {
      rows.push({ kind: "day", key: `day ${entry.day}`, at: entry.at });
    }
    if (unreadHere) {
      rows.push({ kind: "unread", key: "unread" });
    }
    rows.push({ ...entry, lead: newDay || unreadHere || !sameGroup(previous, entry) });
    previous = entry;
  }
  return rows;
}

function stored(message) {
  const at = new Date(message.created_at);
  return {
    kind: "message",
    key: `${message.author.id} ${message.client_id || message.id}`,
    seq: message.seq,
    author: message.author,
    at,
    day: dayOf(at),
    message,
    pending: null,
  };
}

function unsent(item, me) {
  const at = new Date(item.created_at);
  return {
    kind: "message",
    key: `${me.id} ${item.client_id}`,
    seq: Infinity,
    author: me,
    at,
    day: dayOf(at),
    message: null,
    pending: item,
  };
}

function startsUnread(entry, previous, unreadAfter) {
  if (unreadAfter === null || entry.pending || entry.seq <= unreadAfter) {
    return false;
  }
  return previous ? previous.seq <= unreadAfter : entry.seq === unreadAfter + 1;
}

function sameGroup(previous, entry) {
  const sameAuthor = ["id", "display_name", "emoji"].every((part) => previous.author[part] === entry.author[part]);
  return sameAuthor && entry.at - previous.at < GROUP_GAP_MS;
}

/** The calendar day where the reader is, as a sortable string. */
function dayOf(date) {
  const pad = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}
