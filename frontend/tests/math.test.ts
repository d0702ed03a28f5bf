import katex from "katex";
import { describe, expect, test } from "vitest";
import { withMath } from "../src/math";
import { parseMarkup } from "../src/rehypeMath";

describe("mathematics is found", () => {
  test.each([
    ["\\(x^2\\)", "$$x^2$$"],
    ["so $O(n)$ time", "so $$O(n)$$ time"],
    ["$$\\sum x$$", "$$\\sum x$$"],
    ["\\[\nx = 1\n\\]", "\n$$\nx = 1\n$$\n"],
  ])("%s", (given, expected) => {
    expect(withMath(given)).toBe(expected);
  });
});

describe("what is no mathematics stays", () => {
  test.each([
    "It costs $5 and then $10 of rice.",
    "US$20 or CA$30",
    "`$x$` in code",
    "```sh\necho $HOME $PATH\n```",
    "``a ` $x$ b``",
    "a lone $ sign",
    "escaped \\$x$",
    "$ x $ with spaces",
  ])("%s", (given) => {
    expect(withMath(given)).toBe(given);
  });
});

test("text after a code block is looked at again", () => {
  expect(withMath("```\n$a$\n```\n$b$")).toBe("```\n$a$\n```\n$$b$$");
});

interface Tree {
  type: string;
  value?: string;
  tagName?: string;
  properties?: Record<string, unknown>;
  children?: Tree[];
}

function written(nodes: Tree[]): string {
  const escape = (text: string): string =>
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&#x27;");
  return nodes
    .map((node) => {
      if (node.type === "text") return escape(node.value!);
      const attributes = Object.entries(node.properties!)
        .map(([name, value]) => ` ${name}="${escape(String(value))}"`)
        .join("");
      return `<${node.tagName}${attributes}>${written(node.children!)}</${node.tagName}>`;
    })
    .join("");
}

test.each([
  "x^2 + \\frac{a}{b}",
  "\\sqrt[3]{x} \\overbrace{a<b}^{\\text{\"so\" \\& 'so'}}",
  "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
  "\\sum_{i=0}^{\\infty} \\vec{x} \\xrightarrow{f} y",
])("the tree of %s says all that KaTeX wrote", (source) => {
  const markup = katex.renderToString(source, { displayMode: true, strict: "ignore" });
  const whole = markup.replace(/<([\w-]+)((?:\s+[\w:-]+="[^"]*")*)\s*\/>/g, "<$1$2></$1>");
  expect(written(parseMarkup(markup) as Tree[])).toBe(whole);
});
