import { join } from "node:path";
import { STATUS_SOCKET } from "../app/status-server.ts";
import { GatewayError } from "../base/errors.ts";
import { JsonLinesClient } from "../base/json-lines.ts";
import { configError, loadConfig } from "../config/load.ts";
import type { GuardMethod } from "../firewall/requests.ts";
import { usualConfig } from "./command.ts";

/** A gateway that does not answer by then hangs. */
const ANSWER_LIMIT_MS = 10_000;
/** Block lists are fetched over slow networks. */
const REFRESH_LIMIT_MS = 180_000;

/** `status`: a `GatewayView`; `nat`: a `NatAnswer`; `line.…`: a `BlockAnswer`; the others: see `guardRequest`. */
export type GatewayMethod = "status" | "nat" | "line.block" | "line.unblock" | GuardMethod;
export type AskGateway = (method: GatewayMethod, params?: unknown) => Promise<unknown>;

/**
 * Lets `use` ask the gateway that runs with this configuration. Texts in answers and in errors have
 * no control characters left: they may come from elsewhere, and go to a terminal.
 * @throws GatewayError `config-invalid`, `no-config`, `not-running`, `not-allowed` (the gateway is another user's), and
 *   the gateway's own errors
 */
export async function withGateway<T>(config: string | undefined, use: (ask: AskGateway) => Promise<T>): Promise<T> {
  const loaded = await loadConfig(usualConfig(config));
  if (!loaded.ok) throw configError(loaded.error);
  const { runtime } = loaded.value.config.paths;
  const client = new JsonLinesClient(join(runtime, STATUS_SOCKET));
  try {
    await client.connect();
  } catch (error) {
    throw connectError(runtime, error);
  }
  try {
    return await use((method, params = null) => ask(client, method, params));
  } finally {
    client.close();
  }
}

async function ask(client: JsonLinesClient, method: GatewayMethod, params: unknown): Promise<unknown> {
  const limitMs = method === "firewall.refresh" ? REFRESH_LIMIT_MS : ANSWER_LIMIT_MS;
  try {
    return cleaned(await client.request(method, params, limitMs));
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    if (error.code === "unknown-method") {
      throw new GatewayError("unknown-method", "the gateway that runs is of another version: restart it");
    }
    throw new GatewayError(error.code, printable(error.message), { details: error.details });
  }
}

function connectError(runtime: string, error: unknown): GatewayError {
  const cause = error instanceof GatewayError ? error.cause : error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === "EACCES" || code === "EPERM") {
    return new GatewayError(
      "not-allowed",
      `the gateway with ${runtime} is another user's: run this as that user, or as root`,
    );
  }
  return new GatewayError("not-running", `no gateway runs with ${runtime}`);
}

/** The same JSON with every text made printable. */
function cleaned(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [printable(key), cleaned(one)]));
}

/** Control and format characters, and ends of lines, as `?`. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}
