import type { FrameFault } from "./mqtt-link-frames.ts";

/** Refusals of MQTT 3.1.1 (section 3.2.2.3) and MQTT 5 (section 3.2.2.2), in words. */
const refusals: Readonly<Record<number, string>> = {
  1: "the broker does not speak this protocol level (status.mqtt.protocol)",
  2: "the broker refuses our client identifier",
  3: "the broker is not available",
  4: "the broker refuses the username or password",
  5: "the broker refuses the username or password, or what they may do",
  132: "the broker does not speak this protocol level (status.mqtt.protocol)",
  133: "the broker refuses our client identifier",
  134: "the broker refuses the username or password",
  135: "the broker refuses the username or password, or what they may do",
  136: "the broker is not available",
  137: "the broker is busy",
  138: "the broker has banned us",
  142: "another client has connected under our client identifier",
  149: "a packet was too long for the broker",
  151: "the broker's quota is used up",
  159: "the broker limits how often we may connect",
};

/** Codes of Node and OpenSSL that people meet, in words. */
const codes: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "its name cannot be looked up now",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not signed by a known authority",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not signed by a known authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not signed by a known authority",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate is not signed by a known authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is not signed by a known authority",
  CERT_SIGNATURE_FAILURE: "its certificate is not signed by a known authority",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet (is our clock right?)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it asks for a client certificate",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "it refuses the TLS handshake (does it ask for a client certificate?)",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "it does not know who signed our certificate",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS there",
};

/** What a broker did that ends the connection. */
export const frameFaults: Readonly<Record<FrameFault, string>> = {
  "too-long": "the broker sent a packet that is too long",
  malformed: "the broker does not speak MQTT",
  "not-wanted": "the broker sent what nobody asked for",
};

/**
 * Why there is no connection, in our words only: texts of the packages and of the broker never come through, for they
 * are a stranger's, and nobody knows what a package puts into an error.
 */
export function faultOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code === "number") return refusals[code] ?? `the broker refuses us (reason ${code})`;
  if (typeof code !== "string" || !/^[A-Z0-9_]{1,64}$/.test(code)) return "the connection failed";
  return codes[code] ?? `the connection failed (${code})`;
}

/** The address of a broker without anything that could be a secret. */
export function plainUrl(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
  } catch {
    return "invalid";
  }
}
