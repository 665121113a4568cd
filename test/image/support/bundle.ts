import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";

const CACHE = join(import.meta.dirname, "../../../.cache/image");
const LONG_MS = 900_000;

/** The newest update bundle that was built, or `PAXGATE_BUNDLE`. Throws when there is none. */
export async function findBundle(): Promise<string> {
  const given = process.env["PAXGATE_BUNDLE"];
  if (given !== undefined) return given;
  const out = join(CACHE, "out");
  const names = existsSync(out) ? (await readdir(out)).filter((name) => name.endsWith(".raucb")) : [];
  const dated = await Promise.all(
    names.map(async (name) => ({ path: join(out, name), atMs: (await stat(join(out, name))).mtimeMs })),
  );
  const newest = dated.sort((a, b) => b.atMs - a.atMs)[0];
  if (newest === undefined) throw new Error(`no update bundle in ${out}: run scripts/build-image`);
  return newest.path;
}

/**
 * The same update with its system spoilt: `spoil` changes the unpacked root. Signed with the key that the build made, as
 * whoever makes a faulty release would sign it.
 */
export async function spoiltBundle(
  directory: string,
  name: string,
  spoil: (root: string) => Promise<void>,
): Promise<string> {
  const work = join(directory, name);
  await mkdir(work, { recursive: true });
  const [content, root] = [join(work, "content"), join(work, "root")];
  await run(["unsquashfs", "-q", "-n", "-d", content, await findBundle()], { timeoutMs: LONG_MS });
  const image = join(content, "root.squashfs");
  await run(["unsquashfs", "-q", "-n", "-d", root, image], { timeoutMs: LONG_MS });
  await spoil(root);
  await rm(image);
  const compression = ["-comp", "zstd", "-Xcompression-level", "3"];
  await run(["mksquashfs", root, image, "-quiet", "-no-progress", ...compression], { timeoutMs: LONG_MS });
  const manifest = join(content, "manifest.raucm");
  // What rauc itself added to the manifest belongs to the image that was there.
  const text = await readFile(manifest, "utf8");
  await writeFile(manifest, text.replace(/^(verity-|sha256=|size=).*\n/gm, ""));
  const bundle = join(directory, `${name}.raucb`);
  const key = ["--cert", join(CACHE, "signing/cert.pem"), "--key", join(CACHE, "signing/key.pem")];
  await run(["rauc", ...key, "bundle", content, bundle], { timeoutMs: LONG_MS });
  await rm(work, { recursive: true });
  return bundle;
}
