import { beforeEach, describe, expect, test, vi } from "vitest";
import { actions, FIRST_VIEW, type View, type Workspace } from "../src/actions";
import type { Desk } from "../src/desk";
import { choicesAt, EMPTY_DRAFT, firstFocus } from "../src/form";
import { conflicts, decide, type Mode } from "../src/keyboard";
import { settings } from "../src/settings";
import { Store } from "../src/store";
import { anAssignment, aQuestion } from "./made";

const form = { task: anAssignment(1), questions: [aQuestion()], draft: EMPTY_DRAFT };
const focus = firstFocus(form);
const picked: string[] = [];
const desk = {
  shown: form.task,
  hand: {
    complete: true,
    form,
    focus,
    choiceFor: (key: string) => choicesAt(form, focus).find((each) => each.key === key),
    pick: (choice: { value: string }) => void picked.push(choice.value),
    select: vi.fn(),
    toggleFlag: vi.fn(),
  },
  canUndo: true,
  state: new Store({ at: null as number | null, draft: EMPTY_DRAFT, selection: null }),
  accept: vi.fn(async () => undefined),
  undo: vi.fn(async () => undefined),
  skip: vi.fn(async () => undefined),
  lookback: { toPresent: vi.fn() },
};

let workspace: Workspace;
let view: Store<View>;

beforeEach(() => {
  vi.clearAllMocks();
  picked.length = 0;
  desk.state.set({ at: null });
  settings.set({ advance: false });
  view = new Store<View>(FIRST_VIEW);
  workspace = { desk: desk as unknown as Desk, view, focus: vi.fn() };
});

function press(key: string, mode: Mode = view.get().mode): void {
  const decision = decide({
    key,
    where: "page",
    mode,
    actions,
    remaps: {},
    enabled: (action) => action.enabled(workspace),
  });
  if (decision.do === "perform") decision.action.perform(workspace);
}

test("no two actions of a mode claim one key", () => {
  expect(conflicts(actions, {})).toEqual([]);
});

test("names are unique, and every action has a label and a key", () => {
  expect(new Set(actions.map((each) => each.name)).size).toBe(actions.length);
  for (const action of actions) {
    expect(action.label(workspace)).not.toBe("");
    expect(action.keys.length).toBeGreaterThan(0);
  }
});

test("digits choose left to right, and zero is both bad", () => {
  for (const key of ["1", "4", "7", "0"]) press(key);
  expect(picked).toEqual(["a3", "tie", "b3", "both_bad"]);
});

test("digits beyond the scale do nothing", () => {
  press("8");
  expect(picked).toEqual([]);
});

test("a choice waits for Enter", () => {
  press("2");
  expect(desk.accept).not.toHaveBeenCalled();
  press("Enter");
  expect(desk.accept).toHaveBeenCalledOnce();
});

describe("going on by itself", () => {
  beforeEach(() => settings.set({ advance: true }));

  test("needs one key", () => {
    press("2");
    expect(desk.accept).toHaveBeenCalledOnce();
  });

  test("leaves a correction to Enter", () => {
    desk.state.set({ at: 0 });
    press("2");
    expect(desk.accept).not.toHaveBeenCalled();
  });
});

test("S then a digit skips with that reason", () => {
  press("s");
  expect(view.get().mode).toBe("skip");
  press("2");
  expect(desk.skip).toHaveBeenCalledWith("Outside my knowledge");
  expect(view.get().mode).toBe("task");
});

test("F then a digit flags, and digits choose again after Escape", () => {
  press("f");
  press("1");
  expect(desk.hand.toggleFlag).toHaveBeenCalledWith({
    kind: "flag",
    target: "task",
    flag: "pii",
    note: "",
    criterion: null,
    confidence: null,
    reasons: [],
    targets: [],
  });
  press("Escape");
  press("1");
  expect(picked).toEqual(["a3"]);
});

test("switches turn on and off by the same key", () => {
  for (const [key, of] of [["d", "diff"], ["l", "locked"], ["Space", "expanded"]] as const) {
    press(key);
    expect(view.get()[of]).toBe(true);
    press(key);
    expect(view.get()[of]).toBe(false);
  }
});

test("Escape closes the guidelines first, then returns to the open task", () => {
  desk.state.set({ at: 0 });
  press("g");
  expect(view.get().drawer).toBe("guidelines");
  press("Escape");
  expect(view.get().drawer).toBeNull();
  expect(desk.lookback.toPresent).not.toHaveBeenCalled();
  press("Escape");
  expect(desk.lookback.toPresent).toHaveBeenCalledOnce();
});
