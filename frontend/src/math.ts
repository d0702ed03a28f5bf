/**
 * Find LaTeX in chat text without taking prices for formulas. remark-math is
 * told that only `$$` delimits mathematics; this turns what models write
 * (`\(x\)`, `\[x\]`, `$x$`) into that, outside code. A single dollar opens a
 * formula only before a non-space, and closes one only after a non-space and
 * not before a digit, as in Pandoc.
 */
const CODE = /(^ {0,3}(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^ {0,3}\2[`~]*[ \t]*$|(?![\s\S])))|(`+)(?!`)[\s\S]*?[^`]\3(?!`)/gm;

const DISPLAY = /(?<!\\)\\\[([\s\S]+?)\\\]/g;
const INLINE = /(?<!\\)\\\(([^\n]+?)\\\)/g;
const DOLLAR = /(?<![\\$\w])\$(?![\s$])((?:[^$\n\\]|\\.)*?(?:[^\s$\\]|\\.))\$(?![\d$])/g;

function markMath(text: string): string {
  return text
    .replace(DISPLAY, (_, body: string) => `\n$$\n${body.trim()}\n$$\n`)
    .replace(INLINE, (_, body: string) => `$$${body.trim()}$$`)
    .replace(DOLLAR, (_, body: string) => `$$${body}$$`);
}

export function withMath(markdown: string): string {
  if (!/\$|\\[([]/.test(markdown)) return markdown;
  let out = "";
  let from = 0;
  for (const code of markdown.matchAll(CODE)) {
    out += markMath(markdown.slice(from, code.index)) + code[0];
    from = code.index + code[0].length;
  }
  return out + markMath(markdown.slice(from));
}
