/** The workspace, handed down to the components of its page. */
import { createContext, use } from "react";
import type { View, Workspace } from "../actions";
import type { DeskState } from "../desk";
import type { Form } from "../form";
import { useStore } from "../store";

export const WorkspaceContext = createContext<Workspace | null>(null);

/** The form of a task that is laid out behind the one on the screen. */
export const AheadContext = createContext<Form | null>(null);

export function useWorkspace(): { workspace: Workspace; desk: DeskState; view: View } {
  const workspace = use(WorkspaceContext);
  if (!workspace) throw new Error("useWorkspace needs a WorkspaceContext around it");
  return {
    workspace,
    desk: useStore(workspace.desk.state),
    view: useStore(workspace.view),
  };
}

/** The form of the task that this is part of: the one on the screen, or one behind. */
export function useForm(): Form | null {
  const { workspace } = useWorkspace();
  return use(AheadContext) ?? workspace.desk.hand.form;
}
