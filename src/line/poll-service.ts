/**
 * Node runs timers before it reads its sockets: after a stall the queued edges are still unread when a timer fires.
 * An immediate runs after the poll phase, the second one after a whole further poll.
 */
export const afterPoll = (then: () => void): void => {
  setImmediate(() => setImmediate(then));
};
