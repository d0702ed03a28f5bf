/** The wire types of /api/v1/, in the words of the design. */

export interface User {
  username: string;
  name: string;
  is_staff: boolean;
}

export interface Progress {
  /** Answers of mine today, and ever. */
  today: number;
  answered: number;
  /** Tasks still open for me; a capped count. */
  remaining: number;
  total: number;
}

export interface ProjectSummary {
  slug: string;
  name: string;
  role: string;
  state: "open" | "paused";
  progress: Progress;
}

export type Outcome = "a" | "b" | "tie" | "both_bad" | "unsure";

export interface ScaleOption {
  value: string;
  label: string;
  short: string;
  outcome: Outcome;
  strength: number | null;
}

export interface Scale {
  id: string;
  options: ScaleOption[];
  both_bad: boolean;
}

export interface Question {
  id: string;
  kind: string;
  text: string;
  criterion: string | null;
  required: boolean;
  scale: Scale | null;
  reason: "optional" | "required" | "off";
}

export interface Project extends ProjectSummary {
  guidelines: string;
  protocol: { version: number; questions: Question[] };
  lease_seconds: number;
}

export interface Message {
  role: string;
  content: string;
}

export interface Completion {
  id: string;
  label: string;
  messages: Message[];
}

export interface CompareJudgment {
  kind: "compare";
  a: string;
  b: string;
  outcome: Outcome;
  strength: number | null;
  scale: string;
  criterion: string | null;
  question: string;
}

export interface TextJudgment {
  kind: "text";
  role: "rationale";
  completion: null;
  content: string;
  question: string;
}

export type FlagKind = "pii" | "unsafe" | "bad_task";

export interface FlagJudgment {
  kind: "flag";
  /** "task", "prompt" or the id of a completion. */
  target: string;
  flag: FlagKind;
  note: string;
}

export type Judgment = CompareJudgment | TextJudgment | FlagJudgment;

export interface Answer {
  client_id: string;
  feedback_id: string;
  judgments: Judgment[];
  active_ms: number;
}

export interface Assignment {
  id: number;
  expires_at: string;
  protocol_version: number;
  prompt: { messages: Message[]; context: Record<string, unknown> | null };
  /** In the order in which this person sees them. */
  completions: Completion[];
  answer: Answer | null;
}

export interface Thanks {
  answers: number;
  models: number;
  rounds: number;
}

export interface AssignmentBatch {
  state: "open" | "finished" | "paused";
  assignments: Assignment[];
  progress: Progress;
  thanks: Thanks | null;
}

export interface FeedbackBody {
  client_id: string;
  judgments: Judgment[];
  active_ms: number;
  protocol_version: number;
  supersedes: string | null;
}

export interface FeedbackReceipt {
  feedback_id: string;
  client_id: string;
  late: boolean;
  counted: boolean;
  progress: Progress;
}

export interface SkipBody {
  reason: string;
  flag: { kind: FlagKind; note: string } | null;
}

export interface ErrorBody {
  error: string;
  message: string;
  expected: string | null;
  found: string | null;
  fix: string | null;
  fields: { path: string; message: string; value?: unknown }[];
}
