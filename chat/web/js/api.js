import { addressOf } from "./address.js";

/** An answer of the server other than success; its message is fit to be shown. */
export class ApiError extends Error {
  /**
   * code: one of the API's error codes, or "unreachable" when no answer came; fields: what is wrong
   * by field of the form; retryAfter: seconds, or null.
   */
  constructor({ code, message, fields = {}, retryAfter = null }) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.fields = fields;
    this.retryAfter = retryAfter;
  }

  /** Whether the same call may well succeed a little later. */
  get passing() {
    return ["unreachable", "unavailable", "rate_limited"].includes(this.code);
  }
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(addressOf(path), {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError({ code: "unreachable", message: "Snug cannot be reached. Check the connection and try again." });
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    throw problemOf(response, answer);
  }
  return answer;
}

/** Sends a file as a form. Returns {done, cancel()}; onProgress is told how much of it is sent, from 0 to 1. */
function sendFile(method, path, file, onProgress = () => {}) {
  const request = new XMLHttpRequest(); // fetch does not tell how far it is
  const done = new Promise((resolve, reject) => {
    request.addEventListener("load", () => {
      const ok = request.status >= 200 && request.status < 300;
      const headers = { get: (name) => request.getResponseHeader(name) };
      return ok ? resolve(request.response) : reject(problemOf({ status: request.status, headers }, request.response));
    });
    request.addEventListener("error", () => reject(new ApiError({ code: "unreachable", message: "The file could not be uploaded. Check the connection, and that it is not too large." })));
    request.addEventListener("abort", () => reject(new ApiError({ code: "cancelled", message: "Cancelled." })));
  });
  request.upload.addEventListener("progress", (event) => onProgress(event.lengthComputable ? event.loaded / event.total : 0));
  request.open(method, addressOf(path));
  request.responseType = "json";
  const form = new FormData();
  form.append("file", file);
  request.send(form);
  return { done, cancel: () => request.abort() };
}

function problemOf(response, answer) {
  const passing = [502, 503, 504].includes(response.status);
  return new ApiError({
    code: answer?.error?.code ?? (passing ? "unavailable" : "internal"),
    message: answer?.error?.message ?? (passing ? "Snug is not quite ready. Try again in a moment." : "Something went wrong."),
    fields: answer?.error?.fields,
    retryAfter: Number(response.headers.get("Retry-After")) || null,
  });
}

const LONGEST_PATIENCE_S = 10;

/** Repeats a call that only reads until it is answered, as long as the trouble is a passing one. */
export async function patiently(read, onTrouble = () => {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      if (!error.passing) {
        throw error;
      }
      onTrouble(error);
      const seconds = error.retryAfter ?? Math.min(2 ** attempt / 2, LONGEST_PATIENCE_S);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }
}

/** The calls of the HTTP API that the client makes. */
export const api = {
  setupState: () => call("GET", "/api/setup"),
  setUp: (form) => call("POST", "/api/setup", form),
  login: (form) => call("POST", "/api/auth/login", form),
  register: (form) => call("POST", "/api/auth/register", form),
  resetPassword: (form) => call("POST", "/api/auth/reset", form),
  logout: () => call("POST", "/api/auth/logout"),
  me: () => call("GET", "/api/me"),
  logoutEverywhere: () => call("POST", "/api/auth/logout", { everywhere: true }),
  sessions: async () => (await call("GET", "/api/me/sessions")).sessions,
  endSession: (id) => call("DELETE", `/api/me/sessions/${id}`),
  changePassword: (form) => call("POST", "/api/me/password", form),
  updateMe: (form) => call("PATCH", "/api/me", form),
  setAvatar: (file) => sendFile("PUT", "/api/me/avatar", file),
  deleteAvatar: () => call("DELETE", "/api/me/avatar"),
  upload: (file, onProgress) => sendFile("POST", "/api/files", file, onProgress),
  users: async () => (await call("GET", "/api/users")).users,
  channels: async () => (await call("GET", "/api/channels")).channels,
  browseChannels: (after) => call("GET", `/api/channels?${new URLSearchParams({ browse: 1, after })}`),
  createChannel: (form) => call("POST", "/api/channels", form),
  updateChannel: (id, form) => call("PATCH", `/api/channels/${id}`, form),
  deleteChannel: (id) => call("DELETE", `/api/channels/${id}`),
  setNotify: (id, level) => call("PUT", `/api/channels/${id}/notify`, { level }),
  joinChannel: (id) => call("POST", `/api/channels/${id}/join`),
  leaveChannel: (id) => call("POST", `/api/channels/${id}/leave`),
  members: (id, after) => call("GET", `/api/channels/${id}/members?${new URLSearchParams({ after })}`),
  addMember: (id, userId) => call("POST", `/api/channels/${id}/members`, { user_ids: [userId] }),
  removeMember: (id, userId) => call("DELETE", `/api/channels/${id}/members/${userId}`),
  openDirect: (userIds) => call("POST", "/api/dms", { user_ids: userIds }),
  messages: (channelId, page) => call("GET", `/api/channels/${channelId}/messages?${new URLSearchParams(page)}`),
  editMessage: (id, body) => call("PATCH", `/api/messages/${id}`, { body }),
  deleteMessage: (id) => call("DELETE", `/api/messages/${id}`),
  react: (id, emoji) => call("PUT", `/api/messages/${id}/reactions/${encodeURIComponent(emoji)}`),
  takeBack: (id, emoji) => call("DELETE", `/api/messages/${id}/reactions/${encodeURIComponent(emoji)}`),
  pin: (id) => call("PUT", `/api/messages/${id}/pin`),
  unpin: (id) => call("DELETE", `/api/messages/${id}/pin`),
  save: (id) => call("PUT", `/api/messages/${id}/save`),
  unsave: (id) => call("DELETE", `/api/messages/${id}/save`),
  thread: (id, page) => call("GET", `/api/messages/${id}/thread?${new URLSearchParams(page)}`),
  readThread: (id, seq) => call("POST", `/api/messages/${id}/thread/read`, { seq }),
  threads: async () => (await call("GET", "/api/threads")).threads,
  markUnread: (channelId, seq) => call("POST", `/api/channels/${channelId}/unread`, { seq }),
  search: (query) => call("GET", `/api/search?${new URLSearchParams(query)}`),
  mentions: async () => (await call("GET", "/api/mentions")).mentions,
  pins: async (channelId) => (await call("GET", `/api/channels/${channelId}/pins`)).pins,
  saved: async () => (await call("GET", "/api/saved")).saved,
  hooks: async (channelId) => (await call("GET", `/api/hooks?${new URLSearchParams({ channel_id: channelId })}`)).hooks,
  createHook: (form) => call("POST", "/api/hooks", form),
  deleteHook: (id) => call("DELETE", `/api/hooks/${id}`),
  invites: async () => (await call("GET", "/api/invites")).invites,
  createInvite: (form) => call("POST", "/api/invites", form),
  deleteInvite: (id) => call("DELETE", `/api/invites/${id}`),
};
