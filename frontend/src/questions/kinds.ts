/** The table of kinds: all that desk and hand know of them. */
import type { Question, QuestionKind } from "../types";
import { bestWorst } from "./best_worst/kind";
import { choose } from "./choose/kind";
import { compare } from "./compare/kind";
import type { Kind } from "./kind";
import { missing } from "./missing/kind";
import { principle } from "./principle/kind";
import { rank } from "./rank/kind";
import { rate } from "./rate/kind";
import { reaction } from "./reaction/kind";
import { span } from "./span/kind";
import { step } from "./step/kind";
import { text } from "./text/kind";

// Each kind takes its own questions and answers; the draft keeps them apart by id.
const KINDS: Record<QuestionKind, Kind> = {
  compare,
  rank,
  best_worst: bestWorst,
  rate,
  span,
  missing,
  principle,
  text,
  reaction,
  choose,
  step,
} as Record<QuestionKind, unknown> as Record<QuestionKind, Kind>;

export function kindOf(question: Question): Kind {
  return KINDS[question.kind];
}
