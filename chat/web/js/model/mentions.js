const MENTION = /<span class="mention">@([^<]+)<\/span>/g;

/** Whether a message calls a person: by name, or, unless a guest wrote it, by @channel or @here. */
export function calls(message, me, users) {
  if (message.author.id === me.id) {
    return false;
  }
  const all = users.get(message.author.id)?.role === "guest" ? [] : ["channel", "here"];
  const names = [me.username.toLowerCase(), ...all];
  return Array.from((message.html ?? "").matchAll(MENTION), ([, name]) => name.toLowerCase()).some((name) => names.includes(name));
}
