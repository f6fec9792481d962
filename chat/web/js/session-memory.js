/** What this tab remembers over a reload, until it is closed or the person logs out: unsent messages and drafts. */

const OUTBOX = "snug.outbox";
const DRAFT = "snug.draft.";

/** The outbox of one person; somebody else's is not sent. */
export function outboxMemory(userId) {
  return {
    load() {
      const kept = JSON.parse(sessionStorage.getItem(OUTBOX) ?? "null");
      return kept?.userId === userId ? kept.items : [];
    },
    save(items) {
      sessionStorage.setItem(OUTBOX, JSON.stringify({ userId, items }));
    },
  };
}

export function loadDraft(channelId) {
  return sessionStorage.getItem(DRAFT + channelId) ?? "";
}

export function saveDraft(channelId, text) {
  if (text) {
    sessionStorage.setItem(DRAFT + channelId, text);
  } else {
    sessionStorage.removeItem(DRAFT + channelId);
  }
}

export function forgetSession() {
  sessionStorage.clear();
}
