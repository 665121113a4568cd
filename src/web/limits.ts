/** What the server allows at most. One place, so that it can be read as a whole. */

/** Connections in all; the last ones are kept for addresses that have logged in before. */
export const MAX_CONNECTIONS = 200;
/** Connections of addresses that have never logged in. */
export const MAX_STRANGERS = 160;
/** Connections of such an address as long as no whole head of a request has come on any of them. */
export const MAX_SILENT = 4;
/** How long a connection may say nothing before it has to make room for a newcomer, ms. */
export const SILENT_MS = 1_000;
/** Connections of one address: a browser opens six to a host, and one for each open feed. */
export const MAX_PER_ADDRESS = 20;
/** Bytes of a request's head. */
export const MAX_HEAD_BYTES = 8_192;
/** Bytes of a request's body. */
export const MAX_BODY_BYTES = 8_192;
/** Characters of a request's target. */
export const MAX_URL = 1_024;
/** Time for a request's head, and for a whole request, ms. */
export const HEAD_MS = 5_000;
export const REQUEST_MS = 10_000;
/** How long a connection may rest between two requests, and within an answer that nobody reads, ms. */
export const KEEP_ALIVE_MS = 5_000;
export const IDLE_MS = 20_000;
/** How often the above is checked, ms. */
export const CHECK_MS = 1_000;
/** Browsers that listen to the feed. */
export const MAX_LISTENERS = 32;
/** Bytes of messages that wait for one listener; the snapshot is not counted. */
export const MAX_WAITING_BYTES = 262_144;
/** A sign of life for listeners, ms; a listener that took nothing in between two of them is cut off. */
export const ALIVE_MS = 15_000;
/** Operations under way. */
export const MAX_OPERATIONS = 8;
/**
 * WebSocket connections of one address to the broker, all of them (more than the broker lets wait for a login, so that
 * those alone never take them all), and bytes of one message there.
 */
export const MAX_SOCKETS = 4;
export const MAX_ALL_SOCKETS = 32;
export const MAX_SOCKET_MESSAGE = 65_536;
/** Requests, and connections made, of one address: so many at once, and so many a second after that. */
export const REQUEST_BURST = 100;
export const REQUESTS_PER_S = 30;
export const CONNECT_BURST = 60;
export const CONNECTS_PER_S = 10;
/** Requests of all addresses together that have never logged in, beyond what is theirs as quiet ones. */
export const STRANGERS_BURST = 100;
export const STRANGERS_PER_S = 50;
/** The same for quiet ones: what one address may ask as such, and all together. Logging in takes ten requests. */
export const QUIET_BURST = 20;
export const QUIET_PER_S = 0.2;
export const ALL_QUIET_BURST = 100;
export const ALL_QUIET_PER_S = 50;
/** Connections that wait to be accepted: as many are taken in one go, while everything else waits. */
export const BACKLOG = 128;
/** Empty lines in what comes at once: a request has one behind its head, and a body may have some. */
export const MAX_EMPTY_LINES = 4;
/** Characters of a password that is looked at. */
export const MAX_PASSWORD = 256;
/** Time that an operation may take before the page is told that it is still under way, ms. */
export const OPERATION_MS = 60_000;
