/** The component of each kind, as `kinds.ts` is the logic of each. */
import type { ComponentType } from "react";
import type { Question, QuestionKind } from "../types";
import { ComparePanel } from "./compare/Panel";
import { MissingPanel } from "./missing/Panel";
import type { PanelProps } from "./panel";
import { PrinciplePanel } from "./principle/Panel";
import { RankPanel } from "./rank/Panel";
import { RatePanel } from "./rate/Panel";
import { BestWorstPanel, ChoosePanel, ReactionPanel } from "./simple";
import { SpanPanel } from "./span/Panel";
import { StepPanel } from "./step/Panel";
import { TextPanel } from "./text/Panel";

const PANELS = {
  compare: ComparePanel,
  rank: RankPanel,
  best_worst: BestWorstPanel,
  rate: RatePanel,
  span: SpanPanel,
  missing: MissingPanel,
  principle: PrinciplePanel,
  text: TextPanel,
  reaction: ReactionPanel,
  choose: ChoosePanel,
  step: StepPanel,
} satisfies Record<QuestionKind, unknown>;

export function panelOf(question: Question): ComponentType<PanelProps<Question>> {
  return PANELS[question.kind] as ComponentType<PanelProps<Question>>;
}

/** Kinds whose panel is one row of buttons, with its name beside it. */
export function isRow(question: Question): boolean {
  return question.kind === "compare";
}

/** Kinds whose panel grows with the answer: the bar keeps its height for them. */
export function grows(question: Question): boolean {
  const { kind } = question;
  if (kind === "span" || kind === "missing" || kind === "text" || kind === "step") return true;
  return kind === "principle";
}
