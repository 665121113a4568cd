import { existsSync } from "node:fs";
import { mkdir, readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
/** Where `scripts/build-image` puts what it builds. */
const BUILT = join(CHECKOUT, ".cache/image/out");
const UNPACKED = join(CHECKOUT, ".cache/test/image");
/** Size of the test's card: a small one, but larger than the image, so that growing the data partition is seen. */
export const CARD_BYTES = 4 * 2 ** 30;

/** The image to be tested, unpacked: `PAXGATE_IMAGE`, else the newest that was built. Throws when there is none. */
export async function findImage(): Promise<string> {
  const image = process.env["PAXGATE_IMAGE"] ?? (await newestBuilt());
  if (!existsSync(image)) throw new Error(`there is no ${image}`);
  if (!image.endsWith(".xz")) return image;
  await mkdir(UNPACKED, { recursive: true });
  const { mtimeMs, size } = await stat(image);
  const unpacked = join(UNPACKED, `${Math.round(mtimeMs)}-${size}.img`);
  if (!existsSync(unpacked)) {
    await run(["sh", "-c", 'xz -dc "$1" > "$2.part" && mv "$2.part" "$2"', "sh", image, unpacked], {
      timeoutMs: 600_000,
    });
  }
  return unpacked;
}

async function newestBuilt(): Promise<string> {
  const names = existsSync(BUILT) ? await readdir(BUILT) : [];
  const images = names.filter((name) => /\.img(\.xz)?$/.test(name)).map((name) => join(BUILT, name));
  const dated = await Promise.all(images.map(async (name) => ({ name, atMs: (await stat(name)).mtimeMs })));
  const newest = dated.sort((a, b) => b.atMs - a.atMs)[0];
  if (newest === undefined) throw new Error(`no image in ${BUILT}: run scripts/build-image, or set PAXGATE_IMAGE`);
  return newest.name;
}

/** A card that was flashed with the image, as a sparse file. */
export async function flash(image: string, card: string): Promise<void> {
  await run(["cp", "--sparse=always", "--reflink=auto", image, card], { timeoutMs: 600_000 });
  await truncate(card, Math.max(CARD_BYTES, (await stat(card)).size));
}
