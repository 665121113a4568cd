import { z } from "zod";
import { GatewayError } from "../base/errors.ts";
import type { CallService } from "../calls/service.ts";
import type { LineService } from "../line/service.ts";
import type { LineStatus } from "../line/types.ts";

/** Where lines and the calls on them are, of a gateway. */
export interface LineParts {
  readonly lines: { readonly services: ReadonlyMap<string, LineService> };
  readonly calls: CallService;
}

/** How a line stands after it was blocked or unblocked. */
export interface BlockAnswer {
  readonly line: string;
  readonly blocked: boolean;
  /** A call may be on it still: that one finishes. */
  readonly status: LineStatus;
}

const lineParams = z.strictObject({ line: z.string().max(64) });

/**
 * The line that a request names.
 * @throws GatewayError `bad-request`, `unknown-line`
 */
export function lineOf({ lines }: Pick<LineParts, "lines">, params: unknown): LineService {
  const { line: name } = checked(lineParams, params);
  const line = lines.services.get(name);
  if (line !== undefined) return line;
  throw new GatewayError(
    "unknown-line",
    `there is no line of that name; there are ${[...lines.services.keys()].join(", ")}`,
  );
}

/**
 * Takes the line that the request names out of service, or puts it back. It lasts until somebody unblocks it or the
 * gateway starts anew: a line that nobody remembers having blocked is worse than one that has to be blocked again.
 * @throws GatewayError `bad-request`, `unknown-line`
 */
export function setBlocked(parts: LineParts, params: unknown, blocked: boolean): BlockAnswer {
  const line = lineOf(parts, params);
  parts.calls.setBlocked(line.name, blocked);
  return { line: line.name, blocked, status: line.status };
}

/**
 * A request's parameters, checked; none stand for `{}`.
 * @throws GatewayError `bad-request`
 */
export function checked<T>(schema: z.ZodType<T>, params: unknown): T {
  const result = schema.safeParse(params ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.map(String).join(".")}: `;
  throw new GatewayError("bad-request", `${where}${issue?.message ?? "not as it should be"}`.slice(0, 200));
}
