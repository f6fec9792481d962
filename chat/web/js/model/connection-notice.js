/**
 * The sentence of the connection strip, or "" when all is well.
 *
 * connection: "online", "connecting" or "waiting"; restarting: the server said that it restarts;
 * networkUp: what the browser knows of the network; unsent: how many messages wait.
 */
export function connectionNotice({ connection, restarting, networkUp, unsent }) {
  if (connection === "online") {
    return "";
  }
  if (!networkUp) {
    return unsent > 0
      ? "You are offline. Your messages go out when you are back."
      : "You are offline.";
  }
  if (restarting) {
    return "Snug is restarting, messages will go out when it is back.";
  }
  return unsent > 0 ? "Reconnecting… your messages go out in a moment." : "Reconnecting…";
}
