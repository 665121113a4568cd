#!/usr/bin/env node
/**
 * Writes the block map of a card's image (bmap 2.0, as bmaptool reads it) to standard output: which blocks have to be
 * written to a card, and their checksums. What is left out is never read before it is written.
 */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";

const BLOCK = 4096;
const MIB = 2 ** 20;

const [image, ...parts] = process.argv.slice(2);
if (image === undefined || image === "--help" || parts.length === 0) {
  console.log("Usage: node image/build/bmap.mjs IMAGE START:USED:SIZE... (MiB, of each partition)");
  process.exit(image === "--help" ? 0 : 2);
}

/** From the beginning (the partition table) and of each partition the part in use; neighbours are one range. */
const ranges = [{ from: 0, to: MIB }];
for (const part of parts) {
  const [start, used, size] = part.split(":").map(Number);
  if (![start, used, size].every(Number.isInteger) || used > size) throw new Error(`not START:USED:SIZE: ${part}`);
  const from = start * MIB;
  const to = from + used * MIB;
  const last = ranges.at(-1);
  if (last.to === from) last.to = to;
  else ranges.push({ from, to });
}

const file = openSync(image, "r");
const { size } = fstatSync(file);

function checksum({ from, to }) {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(MIB);
  for (let at = from; at < to; at += buffer.length) {
    hash.update(buffer.subarray(0, readSync(file, buffer, 0, Math.min(buffer.length, to - at), at)));
  }
  return hash.digest("hex");
}

const lines = ranges.map((range) => {
  const first = range.from / BLOCK;
  const last = range.to / BLOCK - 1;
  return `    <Range chksum="${checksum(range)}"> ${first === last ? first : `${first}-${last}`} </Range>`;
});
closeSync(file);
const mapped = ranges.reduce((sum, { from, to }) => sum + (to - from) / BLOCK, 0);

const ZEROS = "0".repeat(64);
const map = `<?xml version="1.0" ?>
<!-- Block map of ${basename(image)}: bmaptool copy writes only these blocks, and checks them. -->
<bmap version="2.0">
  <ImageSize> ${size} </ImageSize>
  <BlockSize> ${BLOCK} </BlockSize>
  <BlocksCount> ${Math.ceil(size / BLOCK)} </BlocksCount>
  <MappedBlocksCount> ${mapped} </MappedBlocksCount>
  <ChecksumType> sha256 </ChecksumType>
  <BmapFileChecksum> ${ZEROS} </BmapFileChecksum>
  <BlockMap>
${lines.join("\n")}
  </BlockMap>
</bmap>
`;
// Its own checksum is reckoned with zeros in that place.
process.stdout.write(map.replace(ZEROS, createHash("sha256").update(map).digest("hex")));
