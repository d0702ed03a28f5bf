/** What was answered or skipped before: what undo reaches. */
import type { Entry } from "../outboxStorage";
import type { Assignment, Judgment } from "../types";

export interface Past {
  kind: "answer" | "skip";
  assignment: Assignment;
  judgments: Judgment[];
  clientId: string;
  /** Null until the server has acknowledged the answer. */
  feedbackId: string | null;
}

function ofAssignment(assignment: Assignment): Past[] {
  const { answer } = assignment;
  if (!answer) return [];
  return [
    {
      kind: "answer",
      assignment,
      judgments: answer.judgments,
      clientId: answer.client_id,
      feedbackId: answer.feedback_id,
    },
  ];
}

function ofEntry(entry: Entry): Past[] {
  if (entry.refusal) return [];
  return [
    {
      kind: entry.kind,
      assignment: entry.assignment,
      judgments: entry.kind === "answer" ? entry.body.judgments : [],
      clientId: entry.client_id,
      feedbackId: null,
    },
  ];
}

interface Sources {
  /** From the server, newest first. */
  answered: readonly Assignment[];
  /** Still on this device, oldest first. */
  waiting: readonly Entry[];
  /** Done since the page was opened. */
  here: readonly Past[];
}

/** One past out of three sources, oldest first, each task once. */
export function mergePast({ answered, waiting, here }: Sources): Past[] {
  const latest = new Map<number, Past>();
  const before = [...[...answered].reverse().flatMap(ofAssignment), ...waiting.flatMap(ofEntry)];
  // The last one of a task wins: a correction, or what was done meanwhile.
  for (const past of [...before, ...here]) {
    latest.delete(past.assignment.id);
    latest.set(past.assignment.id, past);
  }
  return [...latest.values()];
}
