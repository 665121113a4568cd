import { GatewayError } from "../base/errors.ts";

/** One message of Asterisk's manager that answers an action. Events have no `actionId` here. */
export interface AmiMessage {
  readonly actionId: string | null;
  readonly response: string;
  readonly message: string;
  readonly output: readonly string[];
  /** What a login has to answer; empty in other messages. */
  readonly challenge: string;
}

/** What an answer may hold. Only `Output` may come more than once. */
const ANSWER_KEYS = new Set(["Response", "ActionID", "Message", "Output", "Challenge"]);
/** Longest text that is waited for before its end must have come, characters. */
const MAX_PENDING = 4_000_000;

/** Cuts the stream into messages and refuses (`ami-protocol`) every answer that is not exactly in form. */
export class AmiParser {
  #text = "";
  #greeted = false;

  push(text: string): AmiMessage[] {
    this.#text += text;
    if (this.#text.length > MAX_PENDING) throw unexpected("a message without end");
    if (!this.#greeted) {
      const end = this.#text.indexOf("\r\n");
      if (end < 0) return [];
      if (!this.#text.startsWith("Asterisk Call Manager/")) throw unexpected("a greeting of something else");
      this.#text = this.#text.slice(end + 2);
      this.#greeted = true;
    }
    const blocks = this.#text.split("\r\n\r\n");
    this.#text = blocks.pop() ?? "";
    return blocks.flatMap((block) => readBlock(block) ?? []);
  }
}

/** Null for an event, which nobody here wants. */
function readBlock(block: string): AmiMessage | null {
  const lines = block.split("\r\n");
  if (lines[0]?.startsWith("Event: ")) return null;
  const single = new Map<string, string>();
  const output: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const key = line.slice(0, Math.max(colon, 0));
    if (!ANSWER_KEYS.has(key)) throw unexpected("an unknown key in an answer");
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (key === "Output") output.push(value);
    else if (single.has(key)) throw unexpected(`${key} twice in an answer`);
    else single.set(key, value);
  }
  const response = single.get("Response");
  if (response === undefined) throw unexpected("an answer without Response");
  const text = (key: string) => single.get(key) ?? "";
  const actionId = single.get("ActionID") ?? null;
  return { actionId, response, message: text("Message"), output, challenge: text("Challenge") };
}

function unexpected(what: string): GatewayError {
  return new GatewayError("ami-protocol", `Asterisk's manager: ${what}`);
}
