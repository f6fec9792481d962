/**
 * Copies the text of an input, and says whether it worked. The Clipboard API is only there on HTTPS and
 * localhost; on plain HTTP the older command does it.
 */
export async function copyFrom(input) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(input.value);
      return true;
    } catch {
      // Not allowed: the older way may be.
    }
  }
  input.focus();
  input.select();
  return document.execCommand("copy");
}
