/** Ids made in the browser. */

/** A version 4 UUID; crypto.randomUUID is missing on plain-http hosts. */
export function uuid(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [8, 12, 16, 20, 32]
    .map((end, i, ends) => hex.slice(ends[i - 1] ?? 0, end))
    .join("-");
}

const TAB_KEY = "hone.tab";

/**
 * This tab's id, the same after a reload. Duplicating a tab copies its session
 * storage, so a live tab that already bears the id makes us take another.
 */
export async function tabId(): Promise<string> {
  const channel = new BroadcastChannel(TAB_KEY);
  let id = sessionStorage.getItem(TAB_KEY);
  if (id) {
    const taken = await new Promise<boolean>((resolve) => {
      channel.onmessage = ({ data }) => {
        if (data === `here ${id}`) resolve(true);
      };
      setTimeout(() => resolve(false), 40);
      channel.postMessage(`who ${id}`);
    });
    if (taken) id = null;
  }
  id ??= uuid();
  sessionStorage.setItem(TAB_KEY, id);
  channel.onmessage = ({ data }) => {
    if (data === `who ${id}`) channel.postMessage(`here ${id}`);
  };
  return id;
}
