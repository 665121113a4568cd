import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { GatewayError } from "../base/errors.ts";
import type { ListFilePort } from "../firewall/port.ts";

/** Reads the operator's lists from the disk. */
export class ListFiles implements ListFilePort {
  /** @throws GatewayError `list-file`: missing, unreadable, no plain file, or larger than `maxBytes` */
  async read(path: string, maxBytes: number): Promise<string> {
    try {
      // Without O_NONBLOCK a pipe in the file's place would hold us for ever.
      const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        if (!(await file.stat()).isFile()) throw new GatewayError("list-file", "no plain file");
        const bytes = Buffer.alloc(64 * 1024);
        const chunks: Buffer[] = [];
        let total = 0;
        for (;;) {
          const { bytesRead } = await file.read(bytes, 0, bytes.length, null);
          if (bytesRead === 0) return Buffer.concat(chunks).toString("utf8");
          total += bytesRead;
          if (total > maxBytes) throw new GatewayError("list-file", `larger than ${maxBytes} bytes`);
          chunks.push(Buffer.from(bytes.subarray(0, bytesRead)));
        }
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw new GatewayError("list-file", `cannot read ${path}`, { cause, details: { path } });
    }
  }
}
