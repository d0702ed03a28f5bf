/**
 * Every command of the workspace. Buttons, shortcuts and the `?` sheet are
 * made from this table, so they cannot disagree.
 */
import type { Desk } from "./desk";
import { optionsOf, type Option } from "./judgments";
import type { Bound, Mode } from "./keyboard";
import { settings } from "./settings";
import type { Store } from "./store";
import type { FlagKind } from "./types";

export interface View {
  mode: Mode;
  drawer: "guidelines" | "context" | null;
  diff: boolean;
  locked: boolean;
  /** The conversation takes most of the height. */
  expanded: boolean;
  /** The completion in focus; on a phone, the tab in front. */
  pane: number;
  /** What a flag is about: "task", "prompt" or the id of a completion. */
  flagTarget: string;
}

export const FIRST_VIEW: View = {
  mode: "task",
  drawer: null,
  diff: false,
  locked: false,
  expanded: false,
  pane: 0,
  flagTarget: "task",
};

export interface Workspace {
  desk: Desk;
  view: Store<View>;
  /** Put the cursor somewhere; the page knows where that is. */
  focus: (place: "reason" | "pane" | "page") => void;
}

export interface Action extends Bound {
  readonly label: string | ((workspace: Workspace) => string);
  readonly group: "Answer" | "Read" | "Move" | "Skip" | "Flag" | "Help";
  readonly enabled: (workspace: Workspace) => boolean;
  readonly perform: (workspace: Workspace) => void;
  /** For switches: whether it is on. */
  readonly pressed?: (workspace: Workspace) => boolean;
}

export const SKIP_REASONS = [
  "Too hard to judge",
  "Outside my knowledge",
  "Broken or unreadable",
  "Rather not answer this",
] as const;

export const FLAGS: readonly { kind: FlagKind; label: string }[] = [
  { kind: "pii", label: "Personal information" },
  { kind: "unsafe", label: "Unsafe content" },
  { kind: "bad_task", label: "Broken task" },
];

const always = (): boolean => true;
const hasTask = ({ desk }: Workspace): boolean => desk.shown !== null;

function toggleDrawer(view: Store<View>, drawer: View["drawer"]): void {
  view.set({ drawer: view.get().drawer === drawer ? null : drawer });
}

/** The option that a digit chooses in the question under focus. */
export function optionAt({ desk }: Workspace, digit: string): Option | undefined {
  const question = desk.questions[desk.state.get().question];
  return question && optionsOf(question).find((option) => option.digit === digit);
}

/** Choose an option; goes on by itself where the person has asked for that. */
export function choose({ desk }: Workspace, value: string): void {
  desk.hand.choose(value);
  const correcting = desk.state.get().at !== null;
  if (settings.get().advance && !correcting && desk.hand.complete) void desk.accept();
}

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];

const chooseActions: Action[] = DIGITS.map((digit) => ({
  name: `choose-${digit}`,
  label: (workspace) => optionAt(workspace, digit)?.label ?? `Option ${digit}`,
  keys: [digit],
  group: "Answer",
  mode: "task",
  enabled: (workspace) => hasTask(workspace) && !!optionAt(workspace, digit),
  perform: (workspace) => {
    const option = optionAt(workspace, digit);
    if (option) choose(workspace, option.value);
  },
}));

const skipActions: Action[] = SKIP_REASONS.map((reason, i) => ({
  name: `skip-${i + 1}`,
  label: reason,
  keys: [String(i + 1)],
  group: "Skip",
  mode: "skip",
  enabled: always,
  perform: ({ desk, view }) => {
    view.set({ mode: "task" });
    void desk.skip(reason);
  },
}));

const flagActions: Action[] = FLAGS.map(({ kind, label }, i) => ({
  name: `flag-${i + 1}`,
  label,
  keys: [String(i + 1)],
  group: "Flag",
  mode: "flag",
  enabled: hasTask,
  perform: ({ desk, view }) => {
    const target = view.get().flagTarget;
    desk.hand.toggleFlag({ kind: "flag", target, flag: kind, note: "", targets: [] });
  },
  pressed: ({ desk, view }) =>
    desk.state
      .get()
      .draft.flags.some(
        (each) => each.flag === kind && each.target === view.get().flagTarget,
      ),
}));

const closers: Action[] = (["skip", "flag", "sheet"] as const).map((mode) => ({
  name: `close-${mode}`,
  label: "Close",
  keys: mode === "flag" ? ["Escape", "Enter", "f"] : ["Escape", mode === "skip" ? "s" : "?"],
  group: mode === "sheet" ? "Help" : mode === "skip" ? "Skip" : "Flag",
  mode,
  enabled: always,
  perform: ({ view, focus }) => {
    view.set({ mode: "task" });
    focus("page");
  },
}));

function movePane({ desk, view, focus }: Workspace, by: number): void {
  const last = (desk.shown?.completions.length ?? 1) - 1;
  view.set({ pane: Math.max(0, Math.min(last, view.get().pane + by)) });
  focus("pane");
}

export const actions: readonly Action[] = [
  ...chooseActions,
  {
    name: "accept",
    label: ({ desk }) => (desk.state.get().at === null ? "Next" : "Save correction"),
    keys: ["Enter"],
    group: "Answer",
    mode: "task",
    whileTyping: true,
    enabled: hasTask,
    perform: ({ desk, focus }) => {
      if (desk.hand.complete) focus("page");
      void desk.accept();
    },
  },
  {
    name: "reason",
    label: "Reason",
    keys: ["r"],
    group: "Answer",
    mode: "task",
    enabled: ({ desk }) =>
      desk.shown !== null && desk.questions.some((each) => each.reason !== "off"),
    perform: ({ focus }) => focus("reason"),
  },
  {
    name: "undo",
    label: "Undo",
    keys: ["z"],
    group: "Move",
    mode: "task",
    enabled: ({ desk }) => desk.canGoBack,
    perform: ({ desk }) => void desk.back(),
  },
  {
    name: "redo",
    label: "Forward",
    keys: ["Shift+z"],
    group: "Move",
    mode: "task",
    enabled: ({ desk }) => desk.state.get().at !== null,
    perform: ({ desk }) => desk.forward(),
  },
  {
    name: "skip",
    label: "Skip",
    keys: ["s"],
    group: "Move",
    mode: "task",
    enabled: ({ desk }) => desk.shown !== null && desk.state.get().at === null,
    perform: ({ view }) => view.set({ mode: "skip" }),
  },
  {
    name: "flag",
    label: "Flag",
    keys: ["f"],
    group: "Answer",
    mode: "task",
    enabled: hasTask,
    perform: ({ view }) => view.set({ mode: "flag", flagTarget: "task" }),
    pressed: ({ desk }) => desk.state.get().draft.flags.length > 0,
  },
  {
    name: "difference",
    label: "Difference",
    keys: ["d"],
    group: "Read",
    mode: "task",
    enabled: hasTask,
    perform: ({ view }) => view.set({ diff: !view.get().diff }),
    pressed: ({ view }) => view.get().diff,
  },
  {
    name: "lock",
    label: "Lock scrolling",
    keys: ["l"],
    group: "Read",
    mode: "task",
    enabled: hasTask,
    perform: ({ view }) => view.set({ locked: !view.get().locked }),
    pressed: ({ view }) => view.get().locked,
  },
  {
    name: "expand",
    label: "Expand the conversation",
    keys: ["Space"],
    group: "Read",
    mode: "task",
    enabled: hasTask,
    perform: ({ view }) => view.set({ expanded: !view.get().expanded }),
    pressed: ({ view }) => view.get().expanded,
  },
  {
    name: "guidelines",
    label: "Guidelines",
    keys: ["g"],
    group: "Read",
    mode: "task",
    enabled: always,
    perform: ({ view }) => toggleDrawer(view, "guidelines"),
    pressed: ({ view }) => view.get().drawer === "guidelines",
  },
  {
    name: "context",
    label: "Context",
    keys: ["c"],
    group: "Read",
    mode: "task",
    enabled: ({ desk }) => Object.keys(desk.shown?.prompt.context ?? {}).length > 0,
    perform: ({ view }) => toggleDrawer(view, "context"),
    pressed: ({ view }) => view.get().drawer === "context",
  },
  {
    name: "previous-completion",
    label: "Previous completion",
    keys: ["ArrowLeft"],
    group: "Read",
    mode: "task",
    enabled: hasTask,
    perform: (workspace) => movePane(workspace, -1),
  },
  {
    name: "next-completion",
    label: "Next completion",
    keys: ["ArrowRight"],
    group: "Read",
    mode: "task",
    enabled: hasTask,
    perform: (workspace) => movePane(workspace, 1),
  },
  {
    name: "previous-question",
    label: "Previous question",
    keys: ["ArrowUp"],
    group: "Answer",
    mode: "task",
    enabled: ({ desk }) => desk.questions.length > 1,
    perform: ({ desk }) => desk.hand.focusQuestion(desk.state.get().question - 1),
  },
  {
    name: "next-question",
    label: "Next question",
    keys: ["ArrowDown"],
    group: "Answer",
    mode: "task",
    enabled: ({ desk }) => desk.questions.length > 1,
    perform: ({ desk }) => desk.hand.focusQuestion(desk.state.get().question + 1),
  },
  {
    name: "close",
    label: ({ desk }) =>
      desk.state.get().at === null ? "Close the panel" : "Back to the open task",
    keys: ["Escape"],
    group: "Move",
    mode: "task",
    enabled: ({ desk, view }) =>
      view.get().drawer !== null || desk.state.get().at !== null,
    perform: ({ desk, view }) => {
      if (view.get().drawer !== null) view.set({ drawer: null });
      else desk.toPresent();
    },
  },
  {
    name: "help",
    label: "Keys",
    keys: ["?"],
    group: "Help",
    mode: "task",
    enabled: always,
    perform: ({ view }) => view.set({ mode: "sheet" }),
  },
  ...skipActions,
  ...flagActions,
  ...closers,
];

export function labelOf(action: Action, workspace: Workspace): string {
  return typeof action.label === "string" ? action.label : action.label(workspace);
}

export function actionNamed(name: string): Action {
  const action = actions.find((each) => each.name === name);
  if (!action) throw new Error(`no action is named ${name}; see actions.ts`);
  return action;
}
