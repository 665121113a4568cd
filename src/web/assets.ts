import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { GatewayError } from "../base/errors.ts";

/** The static files, all of them in memory: whatever a request says, no file is opened for it. */

const MAX_FILES = 64;
const MAX_BYTES = 4 * 1_048_576;
const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;
/** esbuild's `[name]-[hash]`: eight characters of base32. */
const HASHED = /-[A-Z2-7]{8}\.[a-z0-9]+$/;

const kinds: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};

/** A file in its forms; br and gzip where they were made beforehand. */
export interface Asset {
  readonly type: string;
  /** Strong, of the plain form. */
  readonly etag: string;
  /** Its name changes with its contents. */
  readonly forEver: boolean;
  readonly plain: Buffer;
  readonly br: Buffer | null;
  readonly gzip: Buffer | null;
}

/** Paths as they are in requests (`/app.js`), with what they give. */
export type Assets = ReadonlyMap<string, Asset>;

export function makeAsset(path: string, plain: Buffer, br: Buffer | null = null, gzip: Buffer | null = null): Asset {
  return {
    type: kinds[extname(path)] ?? "application/octet-stream",
    etag: createHash("sha256").update(plain).digest("base64url").slice(0, 22),
    forEver: HASHED.test(path),
    plain,
    br,
    gzip,
  };
}

/**
 * Reads the directory. Empty when there is none.
 * @throws GatewayError `web-assets` when it is too big.
 */
export async function readAssets(directory: string): Promise<Assets> {
  const files = new Map<string, Buffer>();
  let bytes = 0;
  for (const path of await listed(directory)) {
    const text = await readFile(join(directory, path));
    bytes += text.length;
    files.set(`/${path}`, text);
    if (files.size > 3 * MAX_FILES || bytes > MAX_BYTES) {
      throw new GatewayError("web-assets", `too many or too big static files in ${directory}`);
    }
  }
  const assets = new Map<string, Asset>();
  for (const [path, plain] of files) {
    if (/\.(?:br|gz|map)$/.test(path)) continue;
    assets.set(path, makeAsset(path, plain, files.get(`${path}.br`) ?? null, files.get(`${path}.gz`) ?? null));
  }
  return assets;
}

async function listed(directory: string): Promise<string[]> {
  const paths: string[] = [];
  const inFolder = async (folder: string, depth: number) => {
    const entries = await readdir(join(directory, folder), { withFileTypes: true }).catch((error: unknown) => {
      if (depth === 0 && error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    });
    for (const entry of entries) {
      if (!SEGMENT.test(entry.name)) continue;
      // Links are left out: they could lead anywhere.
      if (entry.isFile()) paths.push(join(folder, entry.name));
      else if (entry.isDirectory() && depth === 0) await inFolder(entry.name, 1);
    }
  };
  await inFolder("", 0);
  return paths.sort();
}

/** Which form a browser takes that sent this Accept-Encoding (RFC 9110 section 12.5.3; only q=0 is told apart). */
export function formOf(asset: Asset, accepts: string): { readonly body: Buffer; readonly encoding: string | null } {
  const takes = new Set<string>();
  for (const part of accepts.toLowerCase().split(",")) {
    const [name = "", ...parameters] = part.split(";").map((word) => word.trim());
    if (!parameters.some((word) => /^q=0(?:\.0*)?$/.test(word))) takes.add(name);
  }
  if (asset.br !== null && takes.has("br")) return { body: asset.br, encoding: "br" };
  if (asset.gzip !== null && takes.has("gzip")) return { body: asset.gzip, encoding: "gzip" };
  return { body: asset.plain, encoding: null };
}
