import type { Dispose } from "../base/events.ts";

/** What the sip room needs from outside. */

/** File name in Asterisk's configuration directory → content. All of them are secret: nobody but Asterisk may read them. */
export type Profile = ReadonlyMap<string, string>;

/** Directories and found paths of our own Asterisk; never the machine's own. */
export interface Directories {
  readonly config: string;
  readonly run: string;
  readonly log: string;
  readonly spool: string;
  readonly database: string;
  readonly keys: string;
  /** Where this machine's package put the modules. */
  readonly modules: string;
  readonly data: string;
}

/** Asterisk's command line, over AMI. */
export interface CommandPort {
  /** Connects and logs in; errors `ami-unreachable`, `ami-refused`. */
  connect(signal: AbortSignal): Promise<void>;
  /** Output of a command, without line ends. Errors `ami-closed`, `ami-command`, `ami-protocol`, `timeout`. */
  command(text: string, timeoutMs?: number): Promise<readonly string[]>;
  /** Loads or unloads a module, which Asterisk does not take as a command here. Errors as for `command`. */
  module(what: "load" | "unload", file: string): Promise<void>;
  close(): void;
  /** The connection was lost, which usually means that Asterisk is gone. Not called for `close()`. */
  onLost(listener: () => void): Dispose;
}

/** Our Asterisk as a process. It may outlive us and be found again. */
export interface ProcessPort {
  /** Starts Asterisk, or attaches to the one that an earlier supervisor started on the same directories. */
  start(): Promise<"started" | "attached">;
  /** TERM, then KILL after a limit. Nothing happens when it does not run. */
  stop(): Promise<void>;
  /** Whether it runs now. */
  readonly running: boolean;
  /** Local UDP ports that it has open; none when it does not run. */
  udpPorts(): Promise<ReadonlySet<number>>;
  /** Who listens at TCP ports of 127.0.0.1: our Asterisk or another program; a port that is not there has nobody. */
  tcpListeners(): Promise<ReadonlyMap<number, "ours" | "other">>;
  /** It has ended, for whatever reason. */
  onExit(listener: (how: string) => void): Dispose;
}

/** The files given to Asterisk, and its logs. */
export interface FilesPort {
  /** Makes the directories, writes what differs, each file atomically; returns the names that changed. */
  write(profile: Profile): Promise<readonly string[]>;
  /** Names whose content on disk is no longer what was rendered. */
  differing(profile: Profile): Promise<readonly string[]>;
  /** Moves logs larger than `maxBytes` aside, over the previous ones; whether there were any. */
  boundLogs(maxBytes: number): Promise<boolean>;
}

export interface AsteriskPorts {
  readonly commands: CommandPort;
  readonly process: ProcessPort;
  readonly files: FilesPort;
}
