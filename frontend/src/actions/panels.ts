/** Commands of the small panels: skip, flag, and the sheet of keys. */
import { t } from "../strings";
import type { FlagKind } from "../types";
import { always, hasTask, type Action, type Workspace } from "./action";

/** Reasons for a skip; researchers read them as kept, whatever language they are offered in. */
export const SKIP_REASONS = [
  { reason: "hard", kept: "Too hard to judge" },
  { reason: "outside", kept: "Outside my knowledge" },
  { reason: "broken", kept: "Broken or unreadable" },
  { reason: "rather", kept: "Rather not answer this" },
] as const;

const FLAG_KINDS: readonly FlagKind[] = ["pii", "unsafe", "bad_task"];

export function flags(): { kind: FlagKind; label: string }[] {
  return FLAG_KINDS.map((kind) => ({ kind, label: t.flags[kind] }));
}

const openers: Action[] = [
  {
    name: "skip",
    label: () => t.actions.skip,
    keys: ["s"],
    group: "move",
    mode: "task",
    enabled: ({ desk }) => desk.shown !== null && desk.state.get().at === null,
    perform: ({ view }) => view.set({ mode: "skip" }),
  },
  {
    name: "flag",
    label: () => t.actions.flag,
    keys: ["f"],
    group: "answer",
    mode: "task",
    enabled: hasTask,
    perform: ({ view }) => view.set({ mode: "flag", flagTarget: "task" }),
    pressed: ({ desk }) => desk.state.get().draft.flags.length > 0,
  },
];

const skips: Action[] = SKIP_REASONS.map(({ reason, kept }, i) => ({
  name: `skip-${i + 1}`,
  label: () => t.skip[reason],
  keys: [String(i + 1)],
  group: "skip",
  mode: "skip",
  enabled: always,
  perform: ({ desk, view }) => {
    view.set({ mode: "task" });
    void desk.skip(kept);
  },
}));

const flagged: Action[] = FLAG_KINDS.map((kind, i) => ({
  name: `flag-${i + 1}`,
  label: () => t.flags[kind],
  keys: [String(i + 1)],
  group: "flag",
  mode: "flag",
  enabled: hasTask,
  perform: ({ desk, view }) => {
    const target = view.get().flagTarget;
    const none = { criterion: null, confidence: null, reasons: [], targets: [] };
    desk.hand.toggleFlag({ kind: "flag", target, flag: kind, note: "", ...none });
  },
  pressed: ({ desk, view }) =>
    desk.state
      .get()
      .draft.flags.some(
        (each) => each.flag === kind && each.target === view.get().flagTarget,
      ),
}));

const CLOSERS = {
  skip: ["Escape", "s"],
  flag: ["Escape", "Enter", "f"],
  sheet: ["Escape", "?"],
} as const;

function closer(mode: keyof typeof CLOSERS): Action {
  return {
    name: `close-${mode}`,
    label: () => t.actions.close,
    keys: CLOSERS[mode],
    group: mode === "sheet" ? "help" : mode,
    mode,
    enabled: always,
    perform: ({ view, focus }: Workspace) => {
      view.set({ mode: "task" });
      focus("page");
    },
  };
}

export const panels: readonly Action[] = [
  ...openers,
  ...skips,
  ...flagged,
  closer("skip"),
  closer("flag"),
  closer("sheet"),
];
