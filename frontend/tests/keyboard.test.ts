import { describe, expect, test } from "vitest";
import { conflicts, decide, keyCap, keyName, type Bound, type Press } from "../src/keyboard";

function event(key: string, more: Partial<KeyboardEvent> = {}) {
  const none = { altKey: false, ctrlKey: false, metaKey: false, shiftKey: false };
  return { key, code: "", ...none, ...more };
}

const ACTIONS: Bound[] = [
  { name: "accept", keys: ["Enter"], mode: "task", whileTyping: true },
  { name: "skip", keys: ["s"], mode: "task" },
  { name: "skip-1", keys: ["1"], mode: "skip" },
  { name: "choose-1", keys: ["1"], mode: "task" },
];

function press(key: string, change: Partial<Press<Bound>> = {}) {
  return decide({
    key,
    where: "page",
    mode: "task",
    actions: ACTIONS,
    remaps: {},
    enabled: () => true,
    ...change,
  });
}

describe("the name of a key", () => {
  test.each([
    ["a letter", event("Z"), "z"],
    ["a letter with Shift", event("Z", { shiftKey: true }), "Shift+z"],
    ["a sign that needs Shift", event("?", { shiftKey: true }), "?"],
    ["space", event(" "), "Space"],
    ["an arrow with Alt", event("ArrowUp", { altKey: true }), "Alt+ArrowUp"],
    ["a new line", event("Enter", { shiftKey: true }), "Shift+Enter"],
    ["a digit", event("3", { code: "Digit3" }), "3"],
    ["a digit's key on a French board", event("&", { code: "Digit1" }), "1"],
    ["its digit with Shift there", event("1", { code: "Digit1", shiftKey: true }), "1"],
    ["the number pad", event("7", { code: "Numpad7" }), "7"],
    ["copy", event("c", { ctrlKey: true }), "Ctrl+c"],
  ])("of %s", (_, given, name) => {
    expect(keyName(given)).toBe(name);
  });

  test("of Shift alone is none", () => {
    expect(keyName(event("Shift", { shiftKey: true }))).toBeNull();
  });
});

describe("a key press", () => {
  test("performs the action of its mode", () => {
    expect(press("1")).toMatchObject({ do: "perform", action: { name: "choose-1" } });
    expect(press("1", { mode: "skip" })).toMatchObject({ action: { name: "skip-1" } });
  });

  test("does nothing while typing", () => {
    expect(press("s", { where: "field" })).toEqual({ do: "nothing" });
  });

  test("accepts while typing where the action says so", () => {
    expect(press("Enter", { where: "field" })).toMatchObject({ do: "perform" });
    expect(press("Shift+Enter", { where: "field" })).toEqual({ do: "nothing" });
  });

  test("of Escape leaves the field", () => {
    expect(press("Escape", { where: "field" })).toEqual({ do: "leave-field" });
  });

  test("of Enter or space belongs to a focused button", () => {
    expect(press("Enter", { where: "button" })).toEqual({ do: "nothing" });
    expect(press("s", { where: "button" })).toMatchObject({ do: "perform" });
  });

  test("does nothing when the action is not enabled", () => {
    expect(press("s", { enabled: () => false })).toEqual({ do: "nothing" });
  });

  test("that two actions claim is refused, whichever is enabled", () => {
    const remaps = { skip: ["1"] };
    const enabled = (action: Bound): boolean => action.name === "skip";
    expect(press("1", { remaps, enabled })).toEqual({
      do: "refuse",
      key: "1",
      names: ["skip", "choose-1"],
    });
  });

  test("follows a remapping, and the old key rests", () => {
    const remaps = { skip: ["x"] };
    expect(press("x", { remaps })).toMatchObject({ action: { name: "skip" } });
    expect(press("s", { remaps })).toEqual({ do: "nothing" });
  });
});

test("conflicts are found within a mode, not across modes", () => {
  expect(conflicts(ACTIONS, {})).toEqual([]);
  expect(conflicts(ACTIONS, { skip: ["1"] })).toEqual([
    { key: "1", mode: "task", names: ["skip", "choose-1"] },
  ]);
});

test("caps are printed as keys are", () => {
  expect(["Enter", "Alt+ArrowUp", "z", "Shift+z", "?"].map(keyCap)).toEqual([
    "⏎",
    "Alt+↑",
    "Z",
    "Shift+Z",
    "?",
  ]);
});
