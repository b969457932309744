#pragma once
#include <cstdint>
#include <vector>

#include "comm/peers/handshake.h"
#include "comm/peers/socket.h"

namespace scmoe::comm {

/// A connection to another rank's PeerListener, on which both have shown that they know the token. Blocks; tries again
/// where the other side was too busy to answer.
/// @param address of that listener
/// @throws CommError: aborted; timeout; connection, where nobody listens there any more, or who does is another
Socket dialPeer(const PeerIdentity& self, int peer, const std::vector<uint8_t>& address, const Wake& wake,
                Deadline deadline);

}  // namespace scmoe::comm
