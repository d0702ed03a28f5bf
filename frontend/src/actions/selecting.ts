/** Selecting text by keyboard, for a span or as evidence. */
import { questionAt, shownOf, type Focus } from "../form";
import { cellKey, withEvidence, type PrincipleAnswer } from "../questions/principle/kind";
import { sourceOf, textUnder } from "../questions/span/kind";
import type { Selection } from "../questions/kind";
import { t } from "../strings";
import { caretAt, moved } from "../text/caret";
import { pointAt, unitAt } from "../text/codePoints";
import { isRightToLeft } from "../text/direction";
import type { Grain } from "../text/segments";
import { hasTask, type Action, type Selecting, type Workspace } from "./action";

type At = Selecting["at"];

/** The cell that a selection would be for: the one in focus, or the first for spans. */
function cellFor({ desk }: Workspace): Focus | null {
  const { form, focus } = desk.hand;
  const here = form && questionAt(form, focus);
  if (!form || !here) return null;
  if (here.kind === "span" || here.kind === "principle") return focus;
  const span = shownOf(form).find(({ kind }) => kind === "span");
  return span ? { ...focus, question: span.id, part: "answer", row: "" } : null;
}

/** The text that a selection would be made in. */
function textAt(workspace: Workspace): At | null {
  const { form } = workspace.desk.hand;
  const focus = cellFor(workspace);
  const question = form && focus && questionAt(form, focus);
  if (!form || !question) return null;
  const { task } = form;
  if (question.kind === "span") return textUnder({ question, task }, focus.completion);
  if (question.kind !== "principle" || question.evidence === "off") return null;
  const found = task.completions[focus.completion];
  if (!found) return null;
  const message = found.messages.length - 1;
  return { target: "completion", completion: found.id, passage: null, message };
}

function show({ desk, view }: Workspace, selecting: Selecting): void {
  const { at, caret } = selecting;
  const task = desk.shown;
  if (!task) return;
  const text = sourceOf(task, at);
  view.set({ mode: "select", selecting });
  const [start, end] = [pointAt(text, caret.start), pointAt(text, caret.end)];
  desk.hand.select({ ...at, start, end });
}

function begin(workspace: Workspace): void {
  const { desk } = workspace;
  const at = textAt(workspace);
  if (!at || !desk.shown) return desk.notify(t.select.nothingToSelect);
  const cell = cellFor(workspace);
  if (cell) desk.hand.focusOn(cell);
  const text = sourceOf(desk.shown, at);
  const { selection } = desk.state.get();
  // What the mouse has selected is taken up; else the first word.
  const from = selection && sameAt(selection, at) ? selection : null;
  const caret = from
    ? { start: unitAt(text, from.start), end: unitAt(text, from.end), anchored: true }
    : caretAt(text, 0);
  if (!caret) return desk.notify(t.select.noWords);
  show(workspace, { at, caret });
}

function sameAt(x: Selection, y: At): boolean {
  return x.target === y.target && x.completion === y.completion && x.message === y.message;
}

function move(workspace: Workspace, grain: Grain, by: 1 | -1): void {
  const { selecting } = workspace.view.get();
  const task = workspace.desk.shown;
  if (!selecting || !task) return;
  const { at, caret } = selecting;
  show(workspace, { at, caret: moved(sourceOf(task, at), caret, grain, by) });
}

/** Arrows point where the eye goes: in Arabic or Hebrew the next word is on the left. */
function sideways(workspace: Workspace, grain: Grain, by: 1 | -1): void {
  const { selecting } = workspace.view.get();
  const task = workspace.desk.shown;
  if (!selecting || !task) return;
  const back = isRightToLeft(sourceOf(task, selecting.at));
  move(workspace, grain, back ? (-by as 1 | -1) : by);
}

function end({ desk, view }: Workspace): void {
  view.set({ mode: "task", selecting: null });
  desk.hand.select(null);
}

export function evidenceAsked({ desk }: Workspace): boolean {
  const { form, focus } = desk.hand;
  const question = form && questionAt(form, focus);
  return question?.kind === "principle" && question.evidence !== "off";
}

/** Keys have gone on from the verdict just given: evidence is for that one. */
function toVerdict({ desk }: Workspace): void {
  const { form, focus } = desk.hand;
  const question = form && questionAt(form, focus);
  if (!form || question?.kind !== "principle") return;
  const { verdicts } = desk.hand.answer(question) as PrincipleAnswer;
  if (!verdicts[cellKey(form.task, focus)]) desk.hand.moveRow(-1);
}

/** Take the selected words as evidence for the principle in focus. */
export function takeEvidence(workspace: Workspace): void {
  const { desk } = workspace;
  const { form, focus } = desk.hand;
  const { selection } = desk.state.get();
  const question = form && questionAt(form, focus);
  const place = form?.task.completions.findIndex((each) => each.id === selection?.completion);
  if (form && question?.kind === "principle" && selection && place === focus.completion) {
    const answer = desk.hand.answer(question) as PrincipleAnswer;
    const key = cellKey(form.task, focus);
    desk.hand.put(question, withEvidence(answer, { key, selection }));
  }
  end(workspace);
}

const inMode = { group: "select", mode: "select", enabled: hasTask } as const;

export const selecting: readonly Action[] = [
  {
    name: "select",
    label: () => t.actions.select,
    keys: ["v"],
    group: "answer",
    mode: "task",
    enabled: (workspace) => hasTask(workspace) && textAt(workspace) !== null,
    perform: begin,
  },
  {
    name: "evidence",
    label: () => t.actions.evidence,
    keys: ["e"],
    group: "answer",
    mode: "task",
    enabled: evidenceAsked,
    perform: (workspace) => {
      if (workspace.desk.state.get().selection) return takeEvidence(workspace);
      toVerdict(workspace);
      begin(workspace);
    },
  },
  {
    ...inMode,
    name: "select-next-word",
    label: () => t.select.nextWord,
    keys: ["ArrowRight"],
    perform: (workspace) => sideways(workspace, "word", 1),
  },
  {
    ...inMode,
    name: "select-previous-word",
    label: () => t.select.previousWord,
    keys: ["ArrowLeft"],
    perform: (workspace) => sideways(workspace, "word", -1),
  },
  {
    ...inMode,
    name: "select-next-character",
    label: () => t.select.nextCharacter,
    keys: ["Shift+ArrowRight"],
    perform: (workspace) => sideways(workspace, "grapheme", 1),
  },
  {
    ...inMode,
    name: "select-previous-character",
    label: () => t.select.previousCharacter,
    keys: ["Shift+ArrowLeft"],
    perform: (workspace) => sideways(workspace, "grapheme", -1),
  },
  {
    ...inMode,
    name: "select-next-sentence",
    label: () => t.select.nextSentence,
    keys: ["ArrowDown"],
    perform: (workspace) => move(workspace, "sentence", 1),
  },
  {
    ...inMode,
    name: "select-previous-sentence",
    label: () => t.select.previousSentence,
    keys: ["ArrowUp"],
    perform: (workspace) => move(workspace, "sentence", -1),
  },
  {
    ...inMode,
    name: "select-hold",
    label: () => t.select.hold,
    keys: ["v"],
    perform: (workspace) => {
      const { selecting: now } = workspace.view.get();
      if (!now) return;
      const { caret } = now;
      show(workspace, { ...now, caret: { ...caret, anchored: !caret.anchored } });
    },
  },
  {
    ...inMode,
    name: "select-take",
    label: () => t.actions.evidence,
    keys: ["Enter", "e"],
    enabled: evidenceAsked,
    perform: takeEvidence,
  },
  {
    ...inMode,
    name: "select-end",
    label: () => t.select.leave,
    keys: ["Escape"],
    perform: end,
  },
];
