/** Drafts on the disk of this browser, so that a reload loses no keystroke. */
import type { Draft } from "./judgments";

const PREFIX = "hone.draft.";
const KEPT_MS = 7 * 24 * 3600 * 1000;

type Stored = Draft & { at: number };

export interface DraftStore {
  load(assignmentId: number): Draft | null;
  save(assignmentId: number, draft: Draft): void;
  drop(assignmentId: number): void;
}

export function draftStore(user: string, storage: Storage = localStorage): DraftStore {
  const keyOf = (id: number): string => `${PREFIX}${user}.${id}`;
  for (const key of Object.keys(storage)) {
    if (!key.startsWith(PREFIX)) continue;
    const stored = parse(storage.getItem(key));
    if (!stored || Date.now() - stored.at > KEPT_MS) storage.removeItem(key);
  }
  return {
    load(id) {
      const stored = parse(storage.getItem(keyOf(id)));
      if (!stored) return null;
      const { choices, reason, flags, activeMs } = stored;
      return { choices, reason, flags, activeMs };
    },
    save(id, draft) {
      try {
        const stored: Stored = { ...draft, at: Date.now() };
        storage.setItem(keyOf(id), JSON.stringify(stored));
      } catch {
        // Storage is full: the draft stays on the screen, answers do not pass here.
      }
    },
    drop(id) {
      storage.removeItem(keyOf(id));
    },
  };
}

function parse(text: string | null): Stored | null {
  try {
    return text ? (JSON.parse(text) as Stored) : null;
  } catch {
    return null;
  }
}
