/** How many avatar colours css/avatar.css has. */
const AVATAR_COLOURS = 8;

/** One or two letters that stand for a name. */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  return chosen.map((word) => Array.from(word)[0].toLocaleUpperCase()).join("");
}

/** The avatar colour of a person, 1 to 8: always the same for the same id. */
export function avatarColour(id) {
  let hash = 7;
  for (const character of id) {
    hash = (hash * 31 + character.codePointAt(0)) % 65_521;
  }
  return (hash % AVATAR_COLOURS) + 1;
}

/** A login name made from a display name: "Mia Österberg" → "mia.osterberg". */
export function suggestUsername(displayName) {
  return displayName
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{Mark}/gu, "")
    .replace(/[^a-z0-9]+/g, ".")
    .slice(0, 32)
    .replace(/^\.|\.$/g, "");
}

/** Names of those who type, as a sentence; "" for nobody. */
export function typingSentence(names) {
  switch (names.length) {
    case 0:
      return "";
    case 1:
      return `${names[0]} is typing…`;
    case 2:
      return `${names[0]} and ${names[1]} are typing…`;
    default:
      return "Several people are typing…";
  }
}
