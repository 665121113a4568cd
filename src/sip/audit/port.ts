/** How much of a directory is read: an Asterisk's whole sample set is 1 MB in 110 files. */
export const TREE_LIMITS = {
  files: 2_000,
  fileBytes: 4 * 1024 * 1024,
  totalBytes: 32 * 1024 * 1024,
  /** Directories below the audited one. */
  depth: 6,
  /** Names looked at, of any kind. */
  entries: 20_000,
} as const;
