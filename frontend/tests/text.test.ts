import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { caretAt, moved, type Caret } from "../src/text/caret";
import { countPoints, pointAt, slicePoints, unitAt } from "../src/text/codePoints";
import { isRightToLeft } from "../src/text/direction";
import { snapped } from "../src/text/segments";
import { sha256, utf8 } from "../src/text/sha256";

const FAMILY = "👨‍👩‍👧";
const TEXTS = {
  plain: "one two three",
  emoji: `a 👍 and ${FAMILY} too`,
  combining: "cafe\u0301 nai\u0308ve",
  chinese: "面包应该放在盒子里。不要放进冰箱。",
  arabic: "احفظ الخبز في صندوق.",
  hebrew: "לחם טרי",
  mixed: "line one\r\nline 𝒳 two\n",
};

describe("code points", () => {
  test.each(Object.entries(TEXTS))("of the %s text are those that iterating counts", (_, text) => {
    const points = [...text];
    expect(countPoints(text)).toBe(points.length);
    let unit = 0;
    points.forEach((point, i) => {
      expect(unitAt(text, i)).toBe(unit);
      expect(pointAt(text, unit)).toBe(i);
      unit += point.length;
    });
    expect(slicePoints(text, 2, 5)).toBe(points.slice(2, 5).join(""));
  });

  test("beyond the end are the end", () => {
    expect(unitAt("ab", 9)).toBe(2);
    expect(pointAt("ab", 9)).toBe(2);
  });
});

describe("the hash", () => {
  const long = "x".repeat(1000);
  test.each([...Object.values(TEXTS), "", "x".repeat(55), "x".repeat(56), "x".repeat(64), long])(
    "of %j is the one that others compute",
    (text) => {
      expect(sha256(text)).toBe(createHash("sha256").update(text, "utf8").digest("hex"));
    },
  );

  test("takes a lone surrogate as Python's surrogatepass does", () => {
    expect([...utf8("\ud800")]).toEqual([0xed, 0xa0, 0x80]);
  });
});

function taken(text: string, from: string, to: "word" | "character", length = from.length) {
  const start = text.indexOf(from);
  const range = snapped(text, { start, end: start + length }, to);
  return range && text.slice(range.start, range.end);
}

describe("snapping", () => {
  test("grows to whole words and leaves white space out", () => {
    expect(taken(TEXTS.plain, "ne tw", "word")).toBe("one two");
    expect(taken(TEXTS.plain, " two ", "word")).toBe("two");
    expect(snapped(TEXTS.plain, { start: 3, end: 4 }, "word")).toBeNull();
    expect(snapped(TEXTS.plain, { start: 4, end: 4 }, "word")).toBeNull();
  });

  test("never cuts an emoji, or a letter from its accent", () => {
    expect(taken(TEXTS.emoji, FAMILY, "character", 1)).toBe(FAMILY);
    expect(taken(TEXTS.combining, "e", "character")).toBe("e\u0301");
    expect(taken(TEXTS.combining, "caf", "word")).toBe("cafe\u0301");
  });

  test("finds words where no spaces are, and from right to left", () => {
    expect(taken(TEXTS.chinese, "包", "word")).toBe("面包");
    expect(taken(TEXTS.arabic, "خب", "word")).toBe("الخبز");
  });
});

describe("the caret", () => {
  const text = "One two three. Four five.";
  const at = (caret: Caret | null): string | null => caret && text.slice(caret.start, caret.end);

  test("goes by words until its start is held, then stretches", () => {
    let caret = caretAt(text, 0)!;
    caret = moved(text, caret, "word", 1);
    expect(at(caret)).toBe("two");
    caret = moved(text, { ...caret, anchored: true }, "word", 1);
    expect(at(caret)).toBe("two three");
    expect(at(moved(text, caret, "word", -1))).toBe("two");
  });

  test("goes by sentences, and by characters where asked", () => {
    const caret = moved(text, caretAt(text, 0)!, "sentence", 1);
    expect(at(caret)).toBe("Four");
    expect(at(moved(text, caret, "grapheme", -1))).toBe("Fou");
    expect(at(moved(text, caret, "grapheme", 1))).toBe("Four ");
  });

  test("stays where the text ends, and needs a word", () => {
    const last = caretAt(text, 24)!;
    expect(moved(text, last, "word", 1)).toEqual(last);
    expect(caretAt(" … ", 0)).toBeNull();
  });
});

test("a text's direction is that of its first letter", () => {
  expect(isRightToLeft("1. הלחם")).toBe(true);
  expect(isRightToLeft("Bread, خبز")).toBe(false);
});
