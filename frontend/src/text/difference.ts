/** The word-level difference between two texts. */
import { diffWordsWithSpace } from "diff";

export interface Part {
  text: string;
  /** Which of the two has it. */
  in: "a" | "b" | "both";
}

/** Work beyond this is not worth a frozen page. */
const LIMITS = { timeout: 400, maxEditLength: 8000 };

/** Null when the texts differ too much to be compared word by word. */
export function difference(a: string, b: string): Part[] | null {
  if (a.length + b.length > 120_000) return null;
  const changes = diffWordsWithSpace(a, b, LIMITS);
  if (!changes) return null;
  return changes.map((change) => ({
    text: change.value,
    in: change.removed ? "a" : change.added ? "b" : "both",
  }));
}

export function side(parts: readonly Part[], which: "a" | "b"): Part[] {
  return parts.filter((part) => part.in === "both" || part.in === which);
}

/** The share of words that both texts have, between 0 and 1. */
export function shared(parts: readonly Part[]): number {
  const words = (text: string): number => text.split(/\s+/).filter(Boolean).length;
  let both = 0;
  let all = 0;
  for (const part of parts) {
    const count = words(part.text);
    all += part.in === "both" ? 2 * count : count;
    both += part.in === "both" ? 2 * count : 0;
  }
  return all === 0 ? 1 : both / all;
}
