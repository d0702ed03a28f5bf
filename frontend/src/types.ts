/** The wire types of /api/v1/, generated from its schema, under short names. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type User = Schemas["Person"];
export type Progress = Schemas["ProgressOut"];
export type ProjectSummary = Schemas["ProjectLine"];
export type Project = Schemas["ProjectOut"];
export type Question = Schemas["Question"];
export type Message = Schemas["Message"];
export type Completion = Schemas["CompletionOut"];
export type Assignment = Schemas["AssignmentOut"];
export type AssignmentBatch = Schemas["HandOutOut"];
export type Thanks = Schemas["Thanks"];
export type FeedbackBody = Schemas["FeedbackIn"];
export type FeedbackReceipt = Schemas["Receipt"];
export type SkipBody = Schemas["Skip"];
export type ErrorBody = Schemas["Failure"];

export type Judgment = FeedbackBody["judgments"][number];
export type CompareJudgment = Schemas["Compare"];
export type TextJudgment = Schemas["WrittenText"];
export type FlagJudgment = Schemas["Flag"];
export type FlagKind = FlagJudgment["flag"];
