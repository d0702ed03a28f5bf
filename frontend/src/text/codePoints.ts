/** Unicode code points: what the server counts in, while strings count UTF-16 units. */

/** How many code points lie before a UTF-16 offset. */
export function pointAt(text: string, unit: number): number {
  let points = 0;
  for (let i = 0; i < unit && i < text.length; points += 1) {
    i += text.codePointAt(i)! > 0xffff ? 2 : 1;
  }
  return points;
}

/** The UTF-16 offset of a code point; the text's end for what lies beyond. */
export function unitAt(text: string, point: number): number {
  let unit = 0;
  for (let i = 0; i < point && unit < text.length; i += 1) {
    unit += text.codePointAt(unit)! > 0xffff ? 2 : 1;
  }
  return unit;
}

/** The text between two code points, half open. */
export function slicePoints(text: string, start: number, end: number): string {
  const from = unitAt(text, start);
  return text.slice(from, from + unitAt(text.slice(from), end - start));
}

export function countPoints(text: string): number {
  return pointAt(text, text.length);
}
