/** Chat turns, each under the name of its role. */
import type { Message } from "../types";
import { Markdown } from "./Markdown";

const ROLES: Record<string, string> = {
  user: "User",
  assistant: "Assistant",
  system: "System",
  tool: "Tool",
};

export function Messages({ messages, named }: { messages: Message[]; named: boolean }) {
  return messages.map((message, i) => (
    <section key={i} className={`message ${message.role}`}>
      {named && <div className="role">{ROLES[message.role] ?? message.role}</div>}
      {message.content ? (
        <Markdown text={message.content} />
      ) : (
        <p className="quiet">(an empty text)</p>
      )}
    </section>
  ));
}
