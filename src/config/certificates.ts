import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { fail, ok, type Result } from "../base/result.ts";
import { readGuarded } from "./guarded-file.ts";

/** A whole system's bundle of authorities has 250 kB; a chain and a key have a few. */
const LARGEST_FILE = 1_048_576;

/** A certificate, with its chain, and its key. PEM (RFC 7468). */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** What `status.mqtt` gives for TLS. */
export interface BrokerFiles {
  /** Authorities that the broker's certificate must come from; null: the system's. */
  readonly ca: Buffer | null;
  readonly own: KeyPair | null;
}

/** Certificates, one or more. A failure is said in words, with the remedy. */
export async function readCertificates(path: string): Promise<Result<Buffer, string>> {
  const read = await readGuarded(path, { largest: LARGEST_FILE, what: "the certificate", secret: false });
  if (!read.ok) return read;
  const blocks = read.value.toString("latin1").match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
  if (blocks === null) return fail(`${path} holds no certificate in PEM: it has to say BEGIN CERTIFICATE`);
  for (const [at, block] of blocks.entries()) {
    if (parsed(() => new X509Certificate(block)) === null) return fail(`${path}: certificate ${at + 1} is damaged`);
  }
  return read;
}

/** A certificate and the key that belongs to it; each failure with the setting that it is of. */
export async function readKeyPair(
  certPath: string,
  keyPath: string,
): Promise<Result<KeyPair, readonly { readonly of: "cert" | "key"; readonly message: string }[]>> {
  const [cert, key] = await Promise.all([readCertificates(certPath), readKey(keyPath)]);
  if (!cert.ok || !key.ok) {
    return fail([
      ...(cert.ok ? [] : [{ of: "cert" as const, message: cert.error }]),
      ...(key.ok ? [] : [{ of: "key" as const, message: key.error }]),
    ]);
  }
  // The first certificate is our own, those after it lead to the authority (RFC 8446 section 4.4.2).
  const belongs = parsed(() => new X509Certificate(cert.value).checkPrivateKey(key.value.parsed));
  if (belongs !== true) return fail([{ of: "key", message: `${keyPath} is not the key of ${certPath}` }]);
  return ok({ cert: cert.value, key: key.value.pem });
}

async function readKey(path: string): Promise<Result<{ pem: Buffer; parsed: KeyObject }, string>> {
  const read = await readGuarded(path, { largest: LARGEST_FILE, what: "the key", secret: true });
  if (!read.ok) return read;
  const pem = read.value;
  const text = pem.toString("latin1");
  if (!/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(text)) {
    return fail(`${path} holds no key in PEM: it has to say BEGIN PRIVATE KEY`);
  }
  // Nobody is there to type a passphrase after a loss of power.
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text)) {
    return fail(`${path} is encrypted: decrypt it (openssl pkey -in IN -out OUT), mode 600`);
  }
  const key = parsed(() => createPrivateKey(pem));
  return key === null ? fail(`${path}: the key is damaged`) : ok({ pem, parsed: key });
}

/** Null for what cannot be parsed. What OpenSSL says of it is for its authors, and might quote it. */
function parsed<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch {
    return null;
  }
}
