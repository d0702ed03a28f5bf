import { expect, test } from "vitest";
import { difference, shared, side } from "../src/text/difference";

const text = (parts: { text: string }[]): string => parts.map((part) => part.text).join("");

test("each side reads as it was written", () => {
  const a = "The rice is rinsed twice.\nThen it rests.";
  const b = "The rice is never rinsed.\nThen it rests well.";
  const parts = difference(a, b)!;
  expect(text(side(parts, "a"))).toBe(a);
  expect(text(side(parts, "b"))).toBe(b);
});

test("whole words are marked, not letters", () => {
  const parts = difference("use more butter", "use more butler")!;
  expect(parts.filter((part) => part.in === "a").map((part) => part.text)).toEqual(["butter"]);
  expect(parts.filter((part) => part.in === "b").map((part) => part.text)).toEqual(["butler"]);
});

test("equal texts have nothing marked and share all words", () => {
  const parts = difference("same here", "same here")!;
  expect(parts.every((part) => part.in === "both")).toBe(true);
  expect(shared(parts)).toBe(1);
});

test("texts without a common word share none", () => {
  expect(shared(difference("one two", "three four")!)).toBe(0);
});

test("huge texts are not compared", () => {
  expect(difference("a ".repeat(100_000), "b")).toBeNull();
});
