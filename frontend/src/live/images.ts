/** Images in a text that is being written. */

/** What the server knows as an image; see annotation/services/media.py. */
export const IMAGE_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];

/** The first image among files that are pasted or dropped. */
export function imageIn(files: FileList): File | null {
  return [...files].find((file) => file.type.startsWith("image/")) ?? null;
}

/** Markdown for an image; `alt` says what it shows. */
export function imageMarkdown(sha256: string, alt: string): string {
  // Brackets would end the text, a line break the paragraph.
  const words = alt.replaceAll(/[[\]\\]/g, "").replaceAll(/\s+/g, " ").trim();
  return `![${words}](media:${sha256})`;
}

export interface Shown {
  sha256: string;
  alt: string;
}

const IMAGE = /!\[([^\]]*)\]\(media:([0-9a-f]{64})\)/g;

/** The images that a text shows, each once. */
export function imagesOf(text: string): Shown[] {
  const found = [...text.matchAll(IMAGE)].map(([, alt = "", sha256 = ""]) => ({ sha256, alt }));
  return [...new Map(found.map((each) => [each.sha256, each])).values()];
}
