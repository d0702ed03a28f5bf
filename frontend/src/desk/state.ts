/** What lies on the desk, and what the desk is made of. */
import type { Api } from "../api";
import type { DraftStore } from "../drafts";
import { EMPTY_DRAFT, NOWHERE } from "../form";
import type { Outbox } from "../outbox";
import type { Assignment, Progress, Project, Question, Thanks } from "../types";
import type { HandState } from "./hand";
import type { Past } from "./past";

export interface DeskState extends HandState {
  /** Questions by protocol version. */
  protocols: Readonly<Record<string, Question[]>>;
  phase: "loading" | "open" | "finished" | "paused" | "failed";
  /** queue[0] is in front; the rest is leased ahead. */
  queue: Assignment[];
  /** Oldest first. */
  past: Past[];
  /** The place in `past` of the answer being corrected. */
  at: number | null;
  progress: Progress;
  thanks: Thanks | null;
  /** What went wrong, and what happens next. */
  error: string | null;
  /** One sentence about what just happened; `n` tells repeats apart. */
  notice: { text: string; n: number } | null;
  /** The last attempt to get tasks found no server. */
  offline: boolean;
}

export interface DeskParts {
  api: Pick<Api, "lease" | "history" | "renew" | "answer">;
  outbox: Pick<Outbox, "add" | "kick" | "takeBack" | "onAcknowledged" | "status">;
  drafts: DraftStore;
  project: Project;
  user: string;
  holder: string;
  /** Where the id of the task in front is remembered, for reloads. */
  memory?: Pick<Storage, "getItem" | "setItem">;
}

/** A desk with nothing on it yet. */
export function emptyDesk({ protocol, protocols, progress }: Project): DeskState {
  return {
    protocols: { ...protocols, [protocol.version]: protocol.questions },
    phase: "loading",
    queue: [],
    past: [],
    at: null,
    draft: EMPTY_DRAFT,
    focus: NOWHERE,
    selection: null,
    progress,
    thanks: null,
    error: null,
    notice: null,
    offline: false,
  };
}
