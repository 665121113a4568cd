/** As much of SIP (RFC 3261) as one end of a trunk on loopback needs. */

export interface SipMessage {
  /** Method and request URI, or null in a response. */
  readonly request: { readonly method: string; readonly uri: string } | null;
  /** Status of a response, or 0. */
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** Null for what is no SIP message. */
export function parseSip(text: string): SipMessage | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const response = /^SIP\/2\.0 (\d{3})/.exec(first);
  const request = /^([A-Z]+) (\S+) SIP\/2\.0$/.exec(first);
  if (response === null && request === null) return null;
  return {
    request: request === null ? null : { method: request[1] ?? "", uri: request[2] ?? "" },
    status: Number(response?.[1] ?? 0),
    headers: lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const;
    }),
    body: text.slice(end + 4),
  };
}

export function header({ headers }: SipMessage, name: string): string {
  return headers.find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1] ?? "";
}

export function printSip(first: string, headers: readonly (readonly [string, string])[], body = ""): string {
  const all = [...headers, ["Content-Length", String(Buffer.byteLength(body))] as const];
  return `${first}\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`;
}

/** The headers that a response repeats; `tag` completes To. */
export function repeated(request: SipMessage, tag: string): (readonly [string, string])[] {
  const kept = request.headers.filter(([name]) => /^(via|from|call-id|cseq|record-route)$/i.test(name));
  const to = header(request, "To");
  return [...kept, ["To", to.includes(";tag=") ? to : `${to};tag=${tag}`] as const];
}

/** An offer or answer of G.711 A-law at a port of 127.0.0.1. */
export function alawSdp(port: number): string {
  const lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"];
  return `${[...lines, `m=audio ${port} RTP/AVP 8`, "a=rtpmap:8 PCMA/8000", "a=ptime:20"].join("\r\n")}\r\n`;
}

/** Port of the audio in a session description; 0 when there is none. */
export function audioPort(sdp: string): number {
  return Number(/^m=audio (\d+) /m.exec(sdp)?.[1] ?? 0);
}
