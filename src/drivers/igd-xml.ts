import { SaxesParser } from "saxes";

/** Bounds of a document, far above what a router needs. */
export const MAX_XML_BYTES = 65_536;
const MAX_DEPTH = 32;
const MAX_ELEMENTS = 2_000;

/** An element; names are without their prefix, attributes are left out. */
export interface XmlElement {
  readonly name: string;
  /** Text directly in it, without the white space around it. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

interface Open {
  readonly name: string;
  text: string;
  readonly children: XmlElement[];
}

class Refused extends Error {}

/**
 * A document of a router; null when it is not well-formed, too large, too deep, or has a document type (with which
 * entities could be declared: no router needs one). No entity but XML's own five is known, so nothing expands.
 */
export function parseXml(text: string): XmlElement | null {
  if (text.length > MAX_XML_BYTES || /<!(?:DOCTYPE|ENTITY)/i.test(text)) return null;
  const parser = new SaxesParser({ xmlns: false });
  const stack: Open[] = [];
  let root: XmlElement | null = null;
  let elements = 0;
  parser.on("error", (error) => {
    throw new Refused(error.message);
  });
  parser.on("doctype", () => {
    throw new Refused("a document type");
  });
  parser.on("opentagstart", (tag) => {
    elements += 1;
    if (elements > MAX_ELEMENTS || stack.length >= MAX_DEPTH) throw new Refused("too large");
    stack.push({ name: localName(tag.name), text: "", children: [] });
  });
  const append = (more: string) => {
    const top = stack.at(-1);
    if (top !== undefined) top.text += more;
  };
  parser.on("text", append);
  parser.on("cdata", append);
  parser.on("closetag", () => {
    const closed = stack.pop();
    if (closed === undefined) return;
    const element = { name: closed.name, text: closed.text.trim(), children: closed.children };
    const parent = stack.at(-1);
    if (parent === undefined) root = element;
    else parent.children.push(element);
  });
  try {
    // Some routers end their documents with zero bytes.
    parser.write(text.replace(/[\0\s]+$/, "")).close();
  } catch {
    // The parser throws for nothing but what we refuse and what is not well-formed.
    return null;
  }
  return root;
}

/** Text of the first child of that name; null when there is none. */
export function childText(element: XmlElement, name: string): string | null {
  return element.children.find((child) => child.name === name)?.text ?? null;
}

/** Elements of that name at any depth. */
export function descendants(element: XmlElement, name: string): XmlElement[] {
  const below = element.children.flatMap((child) => descendants(child, name));
  return element.name === name ? [element, ...below] : below;
}

/** Text for a place between tags. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}
