/** The wire types of /api/v1/, generated from its schema, under short names. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type User = Schemas["Person"];
export type Progress = Schemas["ProgressOut"];
export type ProjectSummary = Schemas["ProjectLine"];
export type Project = Schemas["ProjectOut"];
export type Message = Schemas["Message"];
export type Completion = Schemas["CompletionOut"];
export type Assignment = Schemas["AssignmentOut"];
export type AssignmentBatch = Schemas["HandOutOut"];
export type Thanks = Schemas["Thanks"];
export type FeedbackBody = Schemas["FeedbackIn"];
export type FeedbackReceipt = Schemas["Receipt"];
export type SkipBody = Schemas["Skip"];
export type Preview = Schemas["PreviewOut"];
export type Talk = Schemas["TalkOut"];
export type Turn = Schemas["TurnOut"];
export type Reply = Schemas["ReplyOut"];
export type Image = Schemas["ImageOut"];
export type LibraryPrinciple = Schemas["PrincipleOut"];
export type Model = Schemas["ModelOut"];
export type ErrorBody = Schemas["Failure"];

export type Question = Project["protocol"]["questions"][number];
export type QuestionKind = Question["kind"];
/** The question of a kind. */
export type Of<K extends QuestionKind> = Extract<Question, { kind: K }>;
export type Label = Schemas["Label"];

export type Judgment = FeedbackBody["judgments"][number];
/** The judgment of a kind. */
export type Judged<K extends Judgment["kind"]> = Extract<Judgment, { kind: K }>;
export type CompareJudgment = Judged<"compare">;
export type TextJudgment = Judged<"text">;
export type FlagJudgment = Judged<"flag">;
export type FlagKind = FlagJudgment["flag"];
export type Ref = Schemas["Ref"];
