/** Accept and skip: the answer is on the disk first, then the screen moves on. */
import { answerEntry, skipEntry } from "../entries";
import { judgmentsOf, lackOf, nextStage, sameJudgments } from "../form";
import type { AnswerEntry } from "../outboxStorage";
import type { Store } from "../store";
import { t } from "../strings";
import type { Assignment } from "../types";
import type { Hand } from "./hand";
import type { Lookback } from "./lookback";
import type { Past } from "./past";
import type { DeskParts, DeskState } from "./state";

interface SubmittingParts extends DeskParts {
  state: Store<DeskState>;
  hand: Hand<DeskState>;
  lookback: Lookback;
  shown: () => Assignment | null;
  /** Put the task in front aside and open the next one. */
  leave: (done: Past) => void;
  notify: (text: string) => void;
}

function whyOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export class Submitting {
  #parts: SubmittingParts;
  #busy = false;

  constructor(parts: SubmittingParts) {
    this.#parts = parts;
  }

  async accept(): Promise<void> {
    const { state, hand, lookback, drafts, shown: onScreen, leave, notify } = this.#parts;
    const shown = onScreen();
    if (!shown || this.#busy) return;
    const { at, past } = state.get();
    const { form } = hand;
    if (!form) return;
    const lack = lackOf(form);
    if (lack) {
      hand.focusOn(lack.focus);
      return notify(lack.text);
    }
    const stage = nextStage(form);
    if (stage !== null) return hand.openStage(stage);
    const judgments = judgmentsOf(form);
    const earlier = at === null ? null : (past[at] ?? null);
    if (earlier && sameJudgments(earlier.judgments, judgments)) {
      lookback.toPresent();
      return notify(t.desk.nothingChanged);
    }
    const entry = answerEntry({
      ...this.#origin(shown),
      judgments,
      activeMs: hand.timer.elapsedMs(),
      earlier,
    });
    const done: Past = {
      kind: "answer",
      assignment: shown,
      judgments,
      clientId: entry.client_id,
      feedbackId: null,
    };
    this.#busy = true;
    try {
      done.feedbackId = await this.#post(entry);
    } catch (error) {
      return notify(t.desk.notSaved(whyOf(error)));
    } finally {
      this.#busy = false;
    }
    drafts.drop(shown.id);
    if (!earlier) return leave(done);
    const now = state.get();
    const place = now.past.findIndex((each) => each.clientId === earlier.clientId);
    state.set({ past: now.past.with(place, done) });
    lookback.toPresent();
    notify(t.desk.corrected);
  }

  /** Skip the task in front; undo takes it back for a few seconds. */
  async skip(reason: string): Promise<void> {
    const { state, hand, outbox, shown: onScreen, leave, notify } = this.#parts;
    const { at, draft } = state.get();
    const shown = onScreen();
    if (!shown || at !== null || this.#busy) return;
    const entry = skipEntry({ ...this.#origin(shown), reason, flag: draft.flags[0] });
    this.#busy = true;
    try {
      await outbox.add(entry);
    } catch (error) {
      return notify(t.desk.notSkipped(whyOf(error)));
    } finally {
      this.#busy = false;
    }
    hand.keep();
    leave({
      kind: "skip",
      assignment: shown,
      judgments: [],
      clientId: entry.client_id,
      feedbackId: null,
    });
    notify(t.desk.skipped);
  }

  /** Returns the server's id when the answer had to be sent at once. */
  async #post(entry: AnswerEntry): Promise<string | null> {
    const { outbox, api, state } = this.#parts;
    try {
      await outbox.add(entry);
      return null;
    } catch (storageError) {
      // A full disk or a private window: send it before the screen moves on.
      console.warn("this device cannot keep answers; sending directly", storageError);
      const receipt = await api.answer(entry.assignment.id, { ...entry.body });
      state.set({ progress: receipt.progress });
      return receipt.feedback_id;
    }
  }

  #origin(assignment: Assignment) {
    const { user, project } = this.#parts;
    return { user, project: project.slug, assignment };
  }
}
