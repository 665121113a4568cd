import { type IncomingMessage, request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { GatewayError } from "../base/errors.ts";
import type { FetchAnswer, FetchPort, FetchRequest } from "../firewall/port.ts";

const MAX_HEADER_BYTES = 16_384;

/**
 * HTTP with bounds. Node's own client and not `fetch`: it follows no redirect and knows no proxy, so what is asked
 * for is asked of the host that the operator wrote down, or not at all. One connection for each request.
 */
export class HttpFetch implements FetchPort {
  /**
   * @throws GatewayError `http-failed`, `http-too-large`, `timeout` (of the whole exchange, so an answer that drips
   *   ends too). Messages name the host alone: a path may hold a key.
   */
  request(request: FetchRequest, signal: AbortSignal): Promise<FetchAnswer> {
    return new Promise((resolve, reject) => {
      const url = parseUrl(request.url);
      if (url === null) {
        reject(new GatewayError("http-failed", "no http or https address"));
        return;
      }
      if (signal.aborted) {
        reject(new GatewayError("http-failed", `${url.host} was not asked`));
        return;
      }
      const ask = (url.protocol === "https:" ? secureRequest : plainRequest)(url, {
        method: request.method,
        // No compression: what is counted is what is kept, and nothing small becomes large.
        headers: {
          "accept-encoding": "identity",
          ...request.headers,
          ...(request.body === null ? {} : { "content-length": String(Buffer.byteLength(request.body)) }),
        },
        agent: false,
        maxHeaderSize: MAX_HEADER_BYTES,
      });
      const end = (settle: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", aborted);
        settle();
        ask.destroy();
      };
      const fail = (code: string, message: string, cause?: unknown) =>
        end(() => reject(new GatewayError(code, `${url.host} ${message}`, cause === undefined ? {} : { cause })));
      const aborted = () => fail("http-failed", "was asked no longer");
      const timer = setTimeout(
        () => fail("timeout", `did not answer within ${request.timeoutMs} ms`),
        request.timeoutMs,
      );
      signal.addEventListener("abort", aborted, { once: true });
      ask.on("error", (cause) => fail("http-failed", "did not answer", cause));
      ask.on("response", (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > request.maxBytes) fail("http-too-large", `sent more than ${request.maxBytes} bytes`);
          else chunks.push(chunk);
        });
        answer.on("error", (cause) => fail("http-failed", "broke off its answer", cause));
        answer.on("end", () =>
          end(() =>
            resolve({
              status: answer.statusCode ?? 0,
              retryAfterS: retryAfter(answer),
              body: Buffer.concat(chunks).toString("utf8"),
            }),
          ),
        );
      });
      ask.end(request.body ?? undefined);
    });
  }
}

function parseUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url : null;
}

/** RFC 9110 section 10.2.3: seconds, or a date, which is not worth a clock that may be wrong. */
function retryAfter(answer: IncomingMessage): number | null {
  const text = answer.headers["retry-after"];
  return text !== undefined && /^[0-9]{1,9}$/.test(text) ? Number(text) : null;
}
