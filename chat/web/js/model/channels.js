/** How a channel is called in a sentence: "#kitchen", or who a direct conversation is with. */
export function channelLabel(channel, users, me) {
  if (channel.kind !== "direct") {
    return `#${channel.name}`;
  }
  const others = (channel.user_ids ?? []).filter((id) => id !== me.id);
  const names = others.map((id) => users.get(id)?.display_name ?? "somebody");
  return names.length > 0 ? names.sort((a, b) => a.localeCompare(b)).join(", ") : `${me.display_name} (you)`;
}

/** A channel's name made from what somebody calls it: "Team Lunch" → "team-lunch". */
export function suggestChannelName(text) {
  return text.trim().toLowerCase().replace(/[\s#@,:]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 80);
}

/** Whether a person may rename and archive a channel, and take people out of it. */
export function manages(channel, me) {
  return channel.kind !== "direct" && (["owner", "admin"].includes(me.role) || (channel.created_by === me.id && me.role !== "guest"));
}
