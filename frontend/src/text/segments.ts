/** Words, characters as people see them, and sentences of a text, in UTF-16 offsets. */

export interface Range {
  start: number;
  end: number;
}

export type Grain = "word" | "grapheme" | "sentence";

interface Piece extends Range {
  /** Letters or digits, not space or punctuation. */
  word: boolean;
}

const cut = new Map<Grain, { text: string; pieces: Piece[] }>();

/** All pieces of a text; the last text of each grain is remembered. */
export function pieces(text: string, grain: Grain): Piece[] {
  const last = cut.get(grain);
  if (last?.text === text) return last.pieces;
  const segmenter = new Intl.Segmenter(undefined, { granularity: grain });
  const found = [...segmenter.segment(text)].map(({ segment, index, isWordLike }) => ({
    start: index,
    end: index + segment.length,
    word: grain === "sentence" ? segment.trim() !== "" : (isWordLike ?? true),
  }));
  cut.set(grain, { text, pieces: found });
  return found;
}

/** The place of the piece that covers an offset; the last one at the end. */
export function pieceAt(all: readonly Range[], offset: number): number {
  let low = 0;
  let high = all.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (all[middle]!.start <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Without white space at its ends; null when nothing is left. */
export function trimmed(text: string, { start, end }: Range): Range | null {
  const inside = text.slice(start, end);
  const from = start + inside.length - inside.trimStart().length;
  const to = start + inside.trimEnd().length;
  return from < to ? { start: from, end: to } : null;
}

/**
 * Grow a selection to whole words, or to whole characters: an emoji or a letter with
 * its accents is never cut in two.
 */
export function snapped(text: string, range: Range, to: "word" | "character"): Range | null {
  if (range.start >= range.end) return null;
  const graphemes = pieces(text, "grapheme");
  const whole = {
    start: graphemes[pieceAt(graphemes, range.start)]!.start,
    end: graphemes[pieceAt(graphemes, range.end - 1)]!.end,
  };
  if (to === "character") return whole;
  const inner = trimmed(text, whole);
  if (!inner) return null;
  const words = pieces(text, "word");
  const first = words[pieceAt(words, inner.start)]!;
  const last = words[pieceAt(words, inner.end - 1)]!;
  return {
    start: first.word ? first.start : inner.start,
    end: last.word ? last.end : inner.end,
  };
}
