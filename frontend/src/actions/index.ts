/**
 * Every command of the workspace. Buttons, shortcuts and the `?` sheet are
 * made from this table, so they cannot disagree.
 */
import { ranking } from "../questions/rank/actions";
import type { Action } from "./action";
import { answering } from "./answering";
import { panels } from "./panels";
import { reading } from "./reading";
import { selecting } from "./selecting";

export type { Action, View, Workspace } from "./action";
export { FIRST_VIEW } from "./action";

export const actions: readonly Action[] = [
  ...answering,
  ...ranking,
  ...selecting,
  ...reading,
  ...panels,
];

export function actionNamed(name: string): Action {
  const action = actions.find((each) => each.name === name);
  if (!action) throw new Error(`no action is named ${name}; see actions/`);
  return action;
}
