/** How many avatar colours css/avatar.css has. */
const AVATAR_COLOURS = 8;

/** One or two letters that stand for a name. */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  return chosen.map((word) => Array.from(word)[0].toLocaleUpperCase()).join("");
}

/**
 * The avatar colours, 1 to 8, of people by their id: by the order in which they came, so that the first eight
 * all differ and nobody's ever changes.
 */
export function avatarColours(people) {
  const byArrival = Array.from(people).sort((a, b) => compare(a.created_at, b.created_at) || compare(a.id, b.id));
  return new Map(byArrival.map(({ id }, index) => [id, (index % AVATAR_COLOURS) + 1]));
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b);
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
