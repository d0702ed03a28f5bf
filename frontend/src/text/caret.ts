/** Selecting by keyboard: a word under the caret, then as far as the arrows go. */
import { pieceAt, pieces, type Grain, type Range } from "./segments";

export interface Caret extends Range {
  /** The start holds, and arrows move the end. */
  anchored: boolean;
}

function wordsOf(text: string): Range[] {
  return pieces(text, "word").filter((piece) => piece.word);
}

/** The caret on the word at or behind an offset; null in a text without words. */
export function caretAt(text: string, offset: number): Caret | null {
  const words = wordsOf(text);
  const word = words.find((each) => each.end > offset) ?? words.at(-1);
  return word ? { start: word.start, end: word.end, anchored: false } : null;
}

function ends(text: string, grain: Grain): number[] {
  return pieces(text, grain)
    .filter((piece) => piece.word)
    .map((piece) => piece.end);
}

/** The end of the selection, one piece on or back; never before the start. */
function stretched(text: string, caret: Caret, grain: Grain, by: 1 | -1): Caret {
  const all = ends(text, grain);
  const end =
    by > 0
      ? all.find((each) => each > caret.end)
      : all.findLast((each) => each < caret.end && each > caret.start);
  return end === undefined ? caret : { ...caret, end };
}

/** The caret after an arrow: by word, by character (which anchors it) or by sentence. */
export function moved(text: string, caret: Caret, grain: Grain, by: 1 | -1): Caret {
  if (grain === "grapheme") {
    return { ...stretched(text, caret, grain, by), anchored: true };
  }
  if (caret.anchored) return stretched(text, caret, grain, by);
  if (grain === "sentence") {
    const all = pieces(text, "sentence");
    const next = all[pieceAt(all, caret.start) + by];
    return (next && caretAt(text, next.start)) ?? caret;
  }
  const words = wordsOf(text);
  const at = words.findIndex((word) => word.end > caret.start);
  const next = words[at + by];
  return next ? { ...next, anchored: false, start: next.start, end: next.end } : caret;
}
