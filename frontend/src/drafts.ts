/** Drafts on the disk of this browser, so that a reload loses no keystroke. */
import { EMPTY_DRAFT, type Draft } from "./form";

// The shape of a draft; older ones are of another and are let go.
const PREFIX = "hone.draft.2.";
const ALL_SHAPES = "hone.draft.";
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
    if (!key.startsWith(ALL_SHAPES)) continue;
    const stored = key.startsWith(PREFIX) ? parse(storage.getItem(key)) : null;
    if (!stored || Date.now() - stored.at > KEPT_MS) storage.removeItem(key);
  }
  return {
    load(id) {
      const stored = parse(storage.getItem(keyOf(id)));
      if (!stored) return null;
      const { at: _, ...draft } = stored;
      return { ...EMPTY_DRAFT, ...draft };
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
