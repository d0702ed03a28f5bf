/** Chat turns, each under the name of its role. */
import type { Message } from "../types";
import { t } from "../strings";
import { Markdown } from "./Markdown";

const ROLES = new Set(["user", "assistant", "system", "tool"] as const);

function nameOf(role: string): string {
  const known = [...ROLES].find((each) => each === role);
  return known ? t.read[known] : role;
}

export function Messages({ messages, named }: { messages: Message[]; named: boolean }) {
  return messages.map((message, i) => (
    <section key={i} className={`message ${message.role}`}>
      {named && <div className="role">{nameOf(message.role)}</div>}
      {message.content ? (
        <Markdown text={message.content} />
      ) : (
        <p className="quiet">{t.read.empty}</p>
      )}
    </section>
  ));
}
