import { beforeEach, describe, expect, test, vi } from "vitest";
import { actions, FIRST_VIEW, labelOf, type View, type Workspace } from "../src/actions";
import type { Desk } from "../src/desk";
import { conflicts, decide, type Mode } from "../src/keyboard";
import { settings } from "../src/settings";
import { Store } from "../src/store";
import { anAssignment, aQuestion } from "./made";

const desk = {
  questions: [aQuestion()],
  shown: anAssignment(1),
  hand: { complete: true, choose: vi.fn(), toggleFlag: vi.fn() },
  canGoBack: true,
  state: new Store({ question: 0, at: null as number | null, draft: { flags: [], choices: {} } }),
  accept: vi.fn(async () => undefined),
  back: vi.fn(async () => undefined),
  skip: vi.fn(async () => undefined),
  toPresent: vi.fn(),
};

let workspace: Workspace;
let view: Store<View>;

beforeEach(() => {
  vi.clearAllMocks();
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
    expect(labelOf(action, workspace)).not.toBe("");
    expect(action.keys.length).toBeGreaterThan(0);
  }
});

test("digits choose left to right, and zero is both bad", () => {
  for (const key of ["1", "4", "7", "0"]) press(key);
  expect(desk.hand.choose.mock.calls.flat()).toEqual(["a3", "tie", "b3", "both_bad"]);
});

test("digits beyond the scale do nothing", () => {
  press("8");
  expect(desk.hand.choose).not.toHaveBeenCalled();
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
    targets: [],
  });
  press("Escape");
  press("1");
  expect(desk.hand.choose).toHaveBeenCalledWith("a3");
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
  expect(desk.toPresent).not.toHaveBeenCalled();
  press("Escape");
  expect(desk.toPresent).toHaveBeenCalledOnce();
});
