/**
 * LaTeX to elements, by KaTeX. The usual plugin lets the browser parse KaTeX's
 * HTML, whose style attributes a strict content policy refuses; here the markup
 * becomes a tree first, and React sets the styles through the CSSOM.
 */
import type { Element, ElementContent, Nodes, Root, Text } from "hast";
import katex from "katex";

const OPTIONS: katex.KatexOptions = {
  // Texts are untrusted: no links, no files, and no endless macros or huge boxes.
  trust: false,
  strict: "ignore",
  maxSize: 20,
  maxExpand: 200,
  throwOnError: true,
};

const TOKEN = /<(\/?)([\w-]+)((?:\s+[\w:-]+=(?:"[^"]*"|'[^']*'))*)\s*(\/?)>|([^<]+)/g;
const ATTRIBUTE = /([\w:-]+)=(?:"([^"]*)"|'([^']*)')/g;
const ENTITIES: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  "#x27": "'",
  "#39": "'",
};

function decode(text: string): string {
  return text.replace(/&([#\w]+);/g, (all, name: string) => ENTITIES[name] ?? all);
}

/** Read the well-formed markup that KaTeX writes; no general HTML parser. */
export function parseMarkup(markup: string): ElementContent[] {
  const root: ElementContent[] = [];
  const open: Element[] = [];
  for (const token of markup.matchAll(TOKEN)) {
    const [, closing, tagName, attributes, empty, text] = token;
    const siblings = open.at(-1)?.children ?? root;
    if (text !== undefined) {
      siblings.push({ type: "text", value: decode(text) });
    } else if (closing) {
      open.pop();
    } else {
      const properties: Element["properties"] = {};
      for (const [, name, double, single] of (attributes ?? "").matchAll(ATTRIBUTE)) {
        properties[name!] = decode(double ?? single ?? "");
      }
      const element: Element = {
        type: "element",
        tagName: tagName!,
        properties,
        children: [],
      };
      siblings.push(element);
      if (!empty) open.push(element);
    }
  }
  return root;
}

function textOf(node: ElementContent): string {
  if (node.type === "text") return node.value;
  return node.type === "element" ? node.children.map(textOf).join("") : "";
}

function typeset(source: string, displayMode: boolean): ElementContent[] {
  try {
    return parseMarkup(katex.renderToString(source, { ...OPTIONS, displayMode }));
  } catch (error) {
    // Not LaTeX after all, or faulty: show what was written.
    const title = error instanceof Error ? error.message : String(error);
    const written: Text = { type: "text", value: source };
    const properties = { className: ["math-error"], title };
    return [{ type: "element", tagName: "code", properties, children: [written] }];
  }
}

/** The mode of a math element that remark-math left, or null. */
function mathMode(node: Nodes): "inline" | "display" | null {
  if (node.type !== "element") return null;
  const classes = node.properties["className"];
  if (!Array.isArray(classes)) return null;
  if (classes.includes("math-display")) return "display";
  return classes.includes("math-inline") ? "inline" : null;
}

export function rehypeMath() {
  const walk = (node: Nodes): void => {
    if (!("children" in node)) return;
    node.children = (node.children as ElementContent[]).flatMap((child) => {
      // Display mathematics comes as <pre><code class="math-display">.
      const inner =
        child.type === "element" && child.tagName === "pre" && child.children.length === 1
          ? child.children[0]!
          : child;
      const mode = mathMode(inner);
      if (mode === null) {
        walk(child);
        return [child];
      }
      return typeset(textOf(inner), mode === "display");
    });
  };
  return (tree: Root): void => walk(tree);
}
