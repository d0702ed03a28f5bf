/** Entries for the outbox, made of what is on the desk. */
import { uuid } from "./ids";
import type { AnswerEntry, SkipEntry } from "./outboxStorage";
import type { Past } from "./desk/past";
import type { Assignment, FlagJudgment, Judgment } from "./types";

/** A skip waits this long before it is sent, so that undo can take it back. */
export const SKIP_GRACE_MS = 10_000;

interface Origin {
  user: string;
  project: string;
  assignment: Assignment;
}

function base({ user, project, assignment }: Origin) {
  return {
    client_id: uuid(),
    user,
    project,
    assignment,
    created_at: Date.now(),
    send_after: 0,
    attempts: 0,
    claim: null,
    refusal: null,
  };
}

interface Answered extends Origin {
  judgments: Judgment[];
  activeMs: number;
  /** The answer that this one corrects. */
  earlier: Past | null;
}

export function answerEntry({ judgments, activeMs, earlier, ...origin }: Answered): AnswerEntry {
  const common = base(origin);
  return {
    ...common,
    kind: "answer",
    corrects: earlier && !earlier.feedbackId ? earlier.clientId : null,
    body: {
      client_id: common.client_id,
      judgments,
      active_ms: activeMs,
      protocol_version: origin.assignment.protocol_version,
      supersedes: earlier?.feedbackId ?? null,
    },
  };
}

interface Skipped extends Origin {
  reason: string;
  flag: FlagJudgment | undefined;
}

export function skipEntry({ reason, flag, ...origin }: Skipped): SkipEntry {
  return {
    ...base(origin),
    kind: "skip",
    send_after: Date.now() + SKIP_GRACE_MS,
    body: { reason, flag: flag ? { kind: flag.flag, note: flag.note } : null },
  };
}
