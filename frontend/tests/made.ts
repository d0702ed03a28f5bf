/** Small things that tests are made of. */
import type { Assignment, Of, Progress, Project, Question } from "../src/types";

export const PROGRESS: Progress = { today: 1, answered: 1, remaining: 9, total: 10 };

export function anAssignment(id: number, labels: readonly string[] = ["A", "B"]): Assignment {
  return {
    id,
    expires_at: "2040-01-01T00:00:00Z",
    protocol_version: 3,
    prompt: {
      messages: [{ role: "user", content: `Question ${id}` }],
      context: null,
      passages: [],
    },
    completions: labels.map((label) => ({
      id: `${id}${label}`,
      label,
      messages: [{ role: "assistant", content: `${label} of ${id}` }],
    })),
    answer: null,
  };
}

/** What every question has, as the server fills it in. */
export const COMMON = {
  id: "overall",
  text: "What do you say?",
  help: "",
  criterion: null,
  required: true,
  reason: "off" as const,
  reasons: [],
  confidence: null,
  stage: 0,
  reveal: "none" as const,
};

export function aQuestion(change: Partial<Of<"compare">> = {}): Of<"compare"> {
  const graded = [
    ["a", 3, "much"],
    ["a", 2, "better"],
    ["a", 1, "slightly"],
    ["tie", 0, "same"],
    ["b", 1, "slightly"],
    ["b", 2, "better"],
    ["b", 3, "much"],
  ] as const;
  return {
    ...COMMON,
    kind: "compare",
    text: "Which completion is better?",
    reason: "optional",
    scale: {
      id: "compare-7@1",
      both_bad: true,
      unsure: false,
      options: graded.map(([outcome, strength, short]) => ({
        value: outcome === "tie" ? "tie" : `${outcome}${strength}`,
        label: `${short} ${outcome}`,
        short,
        outcome,
        strength,
      })),
    },
    ...change,
  };
}

export function aProject(questions: Question[] = [aQuestion()]): Project {
  return {
    slug: "demo",
    name: "Demo",
    role: "annotator",
    state: "open",
    live_prompts: false,
    progress: PROGRESS,
    guidelines: "",
    lease_seconds: 600,
    image_max_bytes: 8 * 2 ** 20,
    protocol: { version: 3, questions },
    protocols: { 3: questions },
  };
}
