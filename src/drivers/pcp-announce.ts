import { createSocket } from "node:dgram";
import type { Dispose } from "../base/events.ts";
import type { DefaultRoute } from "../nat/port.ts";
import { PCP_CLIENT_PORT, PCP_SERVER_PORT } from "./pcp-codec.ts";

/** Where servers of PCP and NAT-PMP announce themselves: RFC 6887 section 14.1, RFC 6886 section 3.2.1. */
const GROUP = "224.0.0.1";

/**
 * Hears announcements in the router's name. Anybody on the LAN can send one, so that it is a reason to ask the
 * router and no more; what it says is not read. Where the port is taken there are none, and the look from time to
 * time has to do.
 */
export function hearAnnouncements(route: DefaultRoute, heard: () => void): Dispose {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  socket.unref();
  let open = true;
  const close = () => {
    if (open) socket.close();
    open = false;
  };
  socket.on("error", close);
  socket.on("message", (_, from) => {
    if (from.address === route.gateway && from.port === PCP_SERVER_PORT) heard();
  });
  socket.on("listening", () => {
    try {
      socket.addMembership(GROUP, route.address);
    } catch {
      // The interface is gone: its route will be too.
      close();
    }
  });
  socket.bind(PCP_CLIENT_PORT);
  return close;
}
